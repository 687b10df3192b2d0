# SPDX-License-Identifier: MIT
"""
scikit_learn_to_sml.py - a fitted model of scikit-learn (1.3 or later) as one of sml-model(5).

    from scikit_learn_to_sml import save
    save("forest.json", forest, ["total", "history"], positive="yes")

Trees and forests (DecisionTree, RandomForest and ExtraTrees, Classifier and Regressor), LogisticRegression, LinearRegression, Ridge and
Lasso, also behind a StandardScaler in a Pipeline.  sml-classify's probabilities are then predict_proba's.
"""
import json
import numpy as np


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


def model(fitted, names, positive=None):
    scaler, fitted = (fitted[0], fitted[-1]) if hasattr(fitted, "steps") and len(fitted) > 1 else (None, fitted)
    labels = [text(c) for c in getattr(fitted, "classes_", [])]
    m = {"format": 1}
    if hasattr(fitted, "coef_"):
        kind = "linear" if not labels else "logistic" if len(labels) == 2 else "softmax"
        w, b = np.atleast_2d(fitted.coef_), np.atleast_1d(fitted.intercept_)
        sign = -1 if len(labels) == 2 and positive == labels[0] else 1
        mean = scaler.mean_ if scaler else np.zeros(len(names))
        scale = scaler.scale_ if scaler else np.ones(len(names))
        one = len(w) == 1
        rest = {"features": [{"name": n, "mean": float(mean[j]), "scale": float(scale[j]),
                              **({"weight": sign * float(w[0, j])} if one else {"weights": w[:, j].tolist()})} for j, n in enumerate(names)],
                **({"bias": sign * float(b[0])} if one else {"biases": b.tolist()})}
    else:
        trees = getattr(fitted, "estimators_", [fitted])
        kind = "tree" if len(trees) == 1 else "forest"
        all_nodes = [list(nodes(t.tree_, names, len(labels))) for t in trees]
        if len(labels) == 2 and positive == labels[0]:
            all_nodes = [turned(t) for t in all_nodes]
        rest = {"features": [{"name": n} for n in names], "trees": all_nodes}
    m["kind"] = kind
    if labels:
        m["labels"] = labels
    if len(labels) == 2:
        m["positive"] = positive or labels[1]
    return {**m, **rest}


def save(path, fitted, names, positive=None):
    """A line per input and node, as sml-train writes it."""
    text = json.dumps(model(fitted, list(names), positive), separators=(",", ":"))
    with open(path, "w") as f:
        f.write(text.replace('{"', '\n {"').lstrip() + "\n")
