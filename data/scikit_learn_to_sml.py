# SPDX-License-Identifier: MIT
"""
scikit_learn_to_sml.py - a fitted model of scikit-learn (1.3 or later) as one of sml-model(5).

    from scikit_learn_to_sml import save
    save("forest.json", forest, ["total", "history"], positive="yes")

Trees and forests (DecisionTree, RandomForest and ExtraTrees, Classifier and Regressor); LogisticRegression, also in a OneVsRestClassifier;
LinearRegression, Ridge, Lasso and ElasticNet; of those with weights also the CV ones, and behind a StandardScaler in a Pipeline.
sml-classify's probabilities are then predict_proba's.  Of anything else a ValueError says what it is, and nothing is written.
"""
import json
import numpy as np
from sklearn import ensemble, linear_model, multiclass, pipeline, preprocessing, tree
from sklearn.utils.validation import check_is_fitted

TREES = tree.DecisionTreeClassifier, tree.DecisionTreeRegressor
FORESTS = (ensemble.RandomForestClassifier, ensemble.RandomForestRegressor, ensemble.ExtraTreesClassifier, ensemble.ExtraTreesRegressor)
LOGISTIC = linear_model.LogisticRegression, linear_model.LogisticRegressionCV
LINEAR = (linear_model.LinearRegression, linear_model.Ridge, linear_model.RidgeCV, linear_model.Lasso, linear_model.LassoCV,
          linear_model.ElasticNet, linear_model.ElasticNetCV)


def require(so, sentence):
    if not so:
        raise ValueError(f"scikit_learn_to_sml: {sentence}")


def at_most(t):
    """scikit-learn rounds values to float before it compares: the greatest double that passes."""
    f = np.float32(t)
    f = np.nextafter(f, np.float32(-np.inf)) if f > t else f
    middle = (float(f) + float(np.nextafter(f, np.float32(np.inf)))) / 2
    return float(middle if np.float32(middle) <= f else np.nextafter(middle, -np.inf))


def nodes(tree, names, labels):
    """A node per line of the file."""
    for i in range(tree.node_count):
        rows = float(tree.weighted_n_node_samples[i])
        if tree.children_left[i] < 0:
            shares = tree.value[i][0].tolist()
            yield {"rows": rows, "value": shares[1] if labels == 2 else shares if labels else shares[0]}
        else:
            asks = {"present": True} if np.isinf(tree.threshold[i]) else {"at_most": at_most(tree.threshold[i])}
            yield {"feature": names[tree.feature[i]], **asks, "yes": int(tree.children_left[i]), "no": int(tree.children_right[i]),
                   "missing": "yes" if tree.missing_go_to_left[i] else "no", "rows": rows}


def turned(tree):
    """Where the first class is the positive one, its share is asked for."""
    return [{**n, "value": 1 - n["value"]} if "value" in n else n for n in tree]


def text(label):
    """As sml knows a label: 1, 1.0 and "1" are one."""
    if isinstance(label, (bool, np.bool_)):
        return "true" if label else "false"
    return f"{label:.17g}" if isinstance(label, (float, np.floating)) else str(label)


def parts(fitted):
    """The StandardScaler or None, and the estimator; each is of a type that is known here, as subclasses may predict otherwise."""
    steps = fitted.steps if type(fitted) is pipeline.Pipeline else [("the model", fitted)]
    for name, step in steps[:-1]:
        require(type(step) is preprocessing.StandardScaler, f"step {name}: {type(step).__name__} is not taken over, only StandardScaler is")
    name, last = steps[-1]
    kind = type(last).__name__
    require(type(last) in (*TREES, *FORESTS, *LOGISTIC, *LINEAR, multiclass.OneVsRestClassifier), f"{name}: {kind} is not taken over")
    require(len(steps) <= 2, "more than one StandardScaler is not taken over")
    require(len(steps) == 1 or type(last) not in TREES + FORESTS,
            f"step {steps[0][0]}: fit {kind} without a StandardScaler, which trees do not need")
    for _, step in steps:
        check_is_fitted(step)
    return steps[0][1] if len(steps) == 2 else None, last


def weights(fitted):
    """The kind, and weights and biases by label."""
    if type(fitted) is multiclass.OneVsRestClassifier:
        require(not fitted.multilabel_, "OneVsRestClassifier of more than one label at a time is not taken over")
        for e in fitted.estimators_:
            require(type(e) in LOGISTIC, f"OneVsRestClassifier of {type(e).__name__} is not taken over, only of LogisticRegression")
        each = [weights(e) for e in fitted.estimators_]
        return "one-vs-rest" if len(each) > 1 else "logistic", np.vstack([w for _, w, _ in each]), np.hstack([b for _, _, b in each])
    require(isinstance(fitted.coef_, np.ndarray), f"{type(fitted).__name__} with sparse weights is not taken over: densify() it")
    w = np.atleast_2d(fitted.coef_)
    if type(fitted) in LINEAR:
        require(len(w) == 1, f"{type(fitted).__name__} of more than one output is not taken over")
        return "linear", w, np.atleast_1d(fitted.intercept_)
    softmax = len(fitted.classes_) > 2
    require(getattr(fitted, "multi_class", "auto") in ("auto", "deprecated", "multinomial" if softmax else "ovr")
            and not (softmax and fitted.solver == "liblinear"), "LogisticRegression: this multi_class or solver is not taken over")
    return "softmax" if softmax else "logistic", w, fitted.intercept_


def model(fitted, names, positive=None):
    scaler, fitted = parts(fitted)
    require(len(names) == fitted.n_features_in_, f"{len(names)} names for a model of {fitted.n_features_in_} inputs")
    require(len(set(names)) == len(names), "two inputs have one name")
    require(getattr(fitted, "n_outputs_", 1) == 1, f"{type(fitted).__name__} of more than one output is not taken over")
    labels = [text(c) for c in getattr(fitted, "classes_", [])]
    positive = None if positive is None else text(positive)
    require(len(labels) != 1, f"all rows have the label {labels}")
    require(positive is None or len(labels) == 2, "positive is for models of two labels")
    require(positive is None or positive in labels, f"positive={positive} is none of the labels {', '.join(labels)}")
    if type(fitted) in TREES + FORESTS:
        trees = fitted.estimators_ if type(fitted) in FORESTS else [fitted]
        kind = "tree" if len(trees) == 1 else "forest"
        all_nodes = [list(nodes(t.tree_, names, len(labels))) for t in trees]
        if len(labels) == 2 and positive == labels[0]:
            all_nodes = [turned(t) for t in all_nodes]
        rest = {"features": [{"name": n} for n in names], "trees": all_nodes}
    else:
        kind, w, b = weights(fitted)
        sign = -1 if len(labels) == 2 and positive == labels[0] else 1
        mean = scaler.mean_ if scaler and scaler.with_mean else np.zeros(len(names))
        scale = scaler.scale_ if scaler and scaler.with_std else np.ones(len(names))
        one = len(w) == 1
        rest = {"features": [{"name": n, "mean": float(mean[j]), "scale": float(scale[j]),
                              **({"weight": sign * float(w[0, j])} if one else {"weights": w[:, j].tolist()})} for j, n in enumerate(names)],
                **({"bias": sign * float(b[0])} if one else {"biases": b.tolist()})}
    m = {"format": 1, "kind": kind}
    if labels:
        m["labels"] = labels
    if len(labels) == 2:
        m["positive"] = positive or labels[1]
    return {**m, **rest}


def save(path, fitted, names, positive=None):
    """A line per input and node, as sml-train writes it."""
    text = json.dumps(model(fitted, list(names), positive), separators=(",", ":"), allow_nan=False)
    with open(path, "w") as f:
        f.write(text.replace('{"', '\n {"').lstrip() + "\n")
