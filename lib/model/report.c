/* SPDX-License-Identifier: MIT */
#include "model/report.h"

#include "json/write.h"

void report_head(struct buf *b)
{
	buf_format(b, "%10s %6s %12s %12s\n", "rows", "step", "objective", "gradient");
}

void report_part(struct buf *b, const char *label)
{
	buf_format(b, "%.200s against the rest\n", label);
}

void report_step(struct buf *b, const struct problem *p, unsigned step, double objective, double gradient)
{
	const struct dataset *ds = p->objective.data;
	double weights = 0;

	for (size_t i = 0; i < ds->n_blocks; i++)
		weights += kernel_sum(ds->blocks[i].weight);
	buf_format(b, "%10zu %6u %12.6f %12.3g\n", ds->rows, step, objective / weights, gradient);
}

static void row(struct buf *b, const char *name, double training, const double *held_out)
{
	buf_format(b, "%-18s %12.6f", name, training);
	if (held_out)
		buf_format(b, " %12.6f", *held_out);
	buf_add_byte(b, '\n');
}

void report_quality(struct buf *b, const struct quality *training, const struct quality *held_out)
{
	buf_format(b, "%-18s %12s%s\n%-18s %12zu", "", "training", held_out ? "     held out" : "", "rows", training->rows);
	if (held_out)
		buf_format(b, " %12zu", held_out->rows);
	buf_add_byte(b, '\n');
	for (const struct metrics_row *r = metrics_rows; r->name; r++) {
		const double held = held_out ? metrics_get(held_out, r) : 0;
		if (r->title[training->kind])
			row(b, r->title[training->kind], metrics_get(training, r), held_out ? &held : NULL);
	}
}

static void member(struct buf *b, const char *name, const char *text)
{
	if (!text)
		return;
	json_write_name(b, name);
	json_write_string(b, text, strlen(text));
}

void report_json(struct buf *b, const struct report_subject *s, const struct quality *q)
{
	buf_add_byte(b, '{');
	member(b, "by", s->group);
	member(b, "shadow", s->shadow);
	json_write_name(b, "rows");
	json_write_integer(b, (int64_t)q->rows);
	member(b, "positive", s->positive);
	if (q->kind == METRICS_LABELS) {
		json_write_name(b, "labels");
		buf_add_byte(b, '[');
		for (int i = 0; i < s->labels->n; i++) {
			json_write_comma(b);
			json_write_string(b, s->labels->label[i].text, s->labels->label[i].len);
		}
		buf_add_byte(b, ']');
	}
	for (const struct metrics_row *r = metrics_rows; r->name; r++)
		if (r->title[q->kind]) {
			json_write_name(b, r->name);
			json_write_double(b, metrics_get(q, r));
		}
	buf_add_text(b, "}\n");
}
