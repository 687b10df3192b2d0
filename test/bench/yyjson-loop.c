/* SPDX-License-Identifier: MIT */
/*
 * yyjson-loop - the ceiling that sml-classify is measured against: nothing but the work itself.
 *
 * Reads lines, parses each with yyjson into one reused pool, picks three numbers in one walk, scales them, takes the
 * logistic of their weighted sum, splices two members in before the last brace, writes.  No errors, no options, no model file.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yyjson.h>

#define BLOCK (128 * 1024)

static const struct { const char *name; size_t len; double mean, scale, weight; } inputs[3] = {
	{ "totalValue", 10, 85, 92, 1.7 }, { "basketSize", 10, 3.1, 1.9, 0.9 }, { "timestamp", 9, 1.72e12, 1e9, -0.13 },
};

static char out[2 * BLOCK + 65536];
static size_t n_out;

static void flush(void)
{
	for (size_t done = 0; done < n_out;) {
		const ssize_t n = write(1, out + done, n_out - done);
		if (n < 0)
			exit(1);
		done += (size_t)n;
	}
	n_out = 0;
}

static size_t add_double(char *to, double x)
{
	char pool[1024];
	yyjson_alc alc;
	yyjson_val v;
	size_t len;

	memset(&v, 0, sizeof v);
	unsafe_yyjson_set_real(&v, x);
	yyjson_alc_pool_init(&alc, pool, sizeof pool);
	memcpy(to, yyjson_val_write_opts(&v, 0, &alc, &len, NULL), 32);
	return len;
}

static void line(const char *text, size_t len, void *pool, size_t size)
{
	static const char high[] = ",\"classification\":\"HIGH_VALUE\",\"probability\":", low[] = ",\"classification\":\"STANDARD\",\"probability\":";
	yyjson_alc alc;
	yyjson_val *key, *v;
	yyjson_obj_iter it;
	double z = -0.4;

	yyjson_alc_pool_init(&alc, pool, size);
	yyjson_doc *doc = yyjson_read_opts((char *)text, len, 0, &alc, NULL);
	yyjson_obj_iter_init(yyjson_doc_get_root(doc), &it);
	while ((key = yyjson_obj_iter_next(&it))) {
		v = yyjson_obj_iter_get_val(key);
		for (int i = 0; i < 3; i++)
			if (yyjson_get_len(key) == inputs[i].len && !memcmp(yyjson_get_str(key), inputs[i].name, inputs[i].len))
				z += inputs[i].weight * (yyjson_get_num(v) - inputs[i].mean) / inputs[i].scale;
	}
	const double p = 1 / (1 + exp(-z));
	while (text[--len] != '}')
		;
	memcpy(out + n_out, text, len);
	n_out += len;
	const size_t n = p >= 0.5 ? sizeof high - 1 : sizeof low - 1;
	memcpy(out + n_out, p >= 0.5 ? high : low, n);
	n_out += n;
	n_out += add_double(out + n_out, p);
	memcpy(out + n_out, "}\n", 2);
	n_out += 2;
	if (n_out >= BLOCK)
		flush();
}

int main(void)
{
	static char in[2 * BLOCK + 16];
	const size_t size = yyjson_read_max_memory_usage(BLOCK, 0);
	void *pool = malloc(size);
	size_t have = 0;
	ssize_t got;

	while ((got = read(0, in + have, BLOCK)) > 0) {
		char *p = in, *end = in + have + got, *lf;
		while ((lf = memchr(p, '\n', (size_t)(end - p)))) {
			line(p, (size_t)(lf - p), pool, size);
			p = lf + 1;
		}
		have = (size_t)(end - p);
		memmove(in, p, have);
	}
	flush();
	free(pool);
	return 0;
}
