/* SPDX-License-Identifier: MIT */
/*
 * purchases - a shop's purchase events, one JSON object a line, the same for the same options on every run.
 *
 *	purchases [-n COUNT] [--offset K] [--seed S] [--users U] [--start MS] [--step MS]
 *		[--invalid P] [--malformed P] [--no-label] [--plain]
 *
 * Writes events K .. K+COUNT-1 (0 .. 999) of the endless sequence that the other options define; COUNT and K change no
 * event, so a second run with --offset continues the first.  Users (U, 1000) follow a Zipf law, times begin at --start
 * and are --step (1000 ms) apart on average, exponentially.  P of the lines (0) break a rule: a total or a basket that
 * is not positive or no number; P (0) are no JSON at all.  --plain: items are strings, no label: 200 bytes an event.
 *
 * The label is drawn, HIGH_VALUE with the probability of a logistic model over basket size, total and the user's
 * earlier purchases, which counts valid lines alone.  So a model can be learned, but the classes overlap.
 *
 * Each event has random numbers of its own, from the seed and its number, so that no option shifts those of others.
 */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BASKET_MAX 7
#define LINE_MAX_BYTES 1024
#define QUANTILES 1024
#define ZIPF_EXPONENT 1.05

enum flaw { FLAW_NONE, FLAW_INVALID, FLAW_MALFORMED };

struct options {
	uint64_t count, offset, seed, users, start_ms;
	double step_ms, invalid, malformed;
	bool label, plain;
};

/* ---- random numbers: SplitMix64 (Steele, Lea, Flood 2014) ---- */

struct rng { uint64_t state; };

static uint64_t mix(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static uint64_t draw(struct rng *r)
{
	return mix(r->state += 0x9e3779b97f4a7c15u);
}

static double draw_unit(struct rng *r)
{
	return (double)(draw(r) >> 11) * 0x1p-53;
}

static struct rng rng_of(uint64_t seed, uint64_t event)
{
	return (struct rng){ mix(seed * 0x9e3779b97f4a7c15u + 1) ^ mix(event * 0xd1342543de82ef95u + 1) };
}

/* ---- Zipf by rejection-inversion (Hormann, Derflinger 1996): rank k in 1..n with probability ~ k^-e ---- */

struct zipf { double n, low, high, shortcut; };

static double zipf_integral(double x)
{
	double t = (1 - ZIPF_EXPONENT) * log(x);

	return (fabs(t) > 1e-8 ? expm1(t) / t : 1 + t / 2) * log(x);
}

static double zipf_inverse(double y)
{
	double t = fmax(y * (1 - ZIPF_EXPONENT), -1);

	return exp((fabs(t) > 1e-8 ? log1p(t) / t : 1 - t / 2) * y);
}

static double zipf_density(double x)
{
	return exp(-ZIPF_EXPONENT * log(x));
}

static struct zipf zipf_of(uint64_t n)
{
	return (struct zipf){
		.n = (double)n,
		.low = zipf_integral(1.5) - 1,
		.high = zipf_integral((double)n + 0.5),
		.shortcut = 2 - zipf_inverse(zipf_integral(2.5) - zipf_density(2)),
	};
}

static uint64_t zipf_draw(const struct zipf *z, struct rng *r)
{
	for (;;) {
		double y = z->high + draw_unit(r) * (z->low - z->high);
		double x = zipf_inverse(y);
		double k = fmin(fmax(floor(x + 0.5), 1), z->n);

		if (k - x <= z->shortcut || y >= zipf_integral(k + 0.5) - zipf_density(k))
			return (uint64_t)k;
	}
}

/* ---- prices: lognormal, in cents, by a table of quantiles ---- */

static uint32_t price_quantiles[QUANTILES + 1];

static void prices_init(void)
{
	for (int i = 0; i <= QUANTILES; i++) {
		double p = (i + 0.5) / (QUANTILES + 1), low = -8, high = 8;

		for (int step = 0; step < 60; step++) {
			double middle = (low + high) / 2;
			if (erfc(-middle / sqrt(2)) / 2 < p)
				low = middle;
			else
				high = middle;
		}
		price_quantiles[i] = (uint32_t)lround(100 * exp(3.2 + 0.9 * low));
	}
}

static uint32_t price_draw(uint64_t bits)
{
	size_t i = bits % QUANTILES;
	uint32_t part = bits / QUANTILES % 256;

	return (price_quantiles[i] * (256 - part) + price_quantiles[i + 1] * part) / 256;
}

/* ---- one event ---- */

static const char *const categories[] = {
	"books", "garden", "music", "toys", "kitchen", "sports", "shoes", "games", "tools", "beauty", "office", "travel",
};
#define N_CATEGORIES (sizeof(categories) / sizeof(*categories))

struct event {
	uint64_t user, session_high, session_low, time_ms, total_cents;
	int basket;
	struct { uint64_t sku; uint32_t cents; const char *category; } items[BASKET_MAX];
	bool high_value;
};

static int basket_draw(struct rng *r)
{
	/* One more item with probability 0.7 each. */
	double u = draw_unit(r), more = 0.7;
	int n = 1;

	for (; n < BASKET_MAX && u < more; n++)
		more *= 0.7;
	return n;
}

static double high_value_probability(int basket, double total, uint32_t history)
{
	double known = history < 20 ? history : 20;
	double logit = -1.3 + 0.8 * (basket - 3) / 2 + 1.8 * (total - 110) / 100 + 0.8 * (known - 10) / 8;

	return 1 / (1 + exp(-logit));
}

static void event_draw(struct event *e, struct rng *r, uint32_t history)
{
	e->session_high = draw(r);
	e->session_low = draw(r);
	e->basket = basket_draw(r);
	e->total_cents = 0;
	for (int i = 0; i < e->basket; i++) {
		uint64_t bits = draw(r), choice = bits >> 40 & 0xffff;

		e->items[i].sku = bits;
		e->items[i].cents = price_draw(draw(r));
		/* The square makes the first categories the more frequent ones. */
		e->items[i].category = categories[choice * choice * N_CATEGORIES >> 32];
		e->total_cents += e->items[i].cents;
	}
	e->high_value = draw_unit(r) < high_value_probability(e->basket, (double)e->total_cents / 100, history);
}

/* ---- its line ---- */

static char *put(char *to, const char *text)
{
	return stpcpy(to, text);
}

static char *put_number(char *to, uint64_t n, int least_digits)
{
	char digits[20];
	int i = sizeof(digits);

	do {
		digits[--i] = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0 || (int)sizeof(digits) - i < least_digits);
	memcpy(to, digits + i, sizeof(digits) - (size_t)i);
	return to + sizeof(digits) - i;
}

static char *put_cents(char *to, uint64_t cents)
{
	to = put_number(to, cents / 100, 1);
	*to++ = '.';
	return put_number(to, cents % 100, 2);
}

static char *put_hex(char *to, uint64_t n, int digits)
{
	while (digits-- > 0)
		*to++ = "0123456789abcdef"[n >> 4 * digits & 15];
	return to;
}

static char *put_session(char *to, const struct event *e)
{
	to = put_hex(put(to, "s-"), e->session_high >> 32, 8);
	to = put_hex(put(to, "-"), e->session_high >> 16, 4);
	to = put_hex(put(to, "-4"), e->session_high, 3);
	to = put_hex(put(to, "-"), 0x8000 | (e->session_low >> 50 & 0x3fff), 4);
	return put_hex(put(to, "-"), e->session_low, 12);
}

static char *put_sku(char *to, uint64_t bits)
{
	to = put(to, "\"sku-");
	*to++ = (char)('A' + bits % 26);
	*to++ = (char)('A' + (bits >> 8) % 26);
	to = put_number(to, (bits >> 16) % 100, 2);
	*to++ = '-';
	to = put_number(to, (bits >> 24) % 1000000, 6);
	*to++ = '"';
	return to;
}

static char *put_items(char *to, const struct event *e, bool plain)
{
	for (int i = 0; i < e->basket; i++) {
		if (i > 0)
			*to++ = ',';
		if (plain) {
			to = put_sku(to, e->items[i].sku);
			continue;
		}
		to = put(put(to, "{\"category\":\""), e->items[i].category);
		to = put_cents(put(to, "\",\"price\":"), e->items[i].cents);
		to = put_sku(put(to, ",\"sku\":"), e->items[i].sku);
		*to++ = '}';
	}
	return to;
}

/* The two members that a purchase must get right; `kind` < 0: as they are. */
static char *put_amounts(char *to, const struct event *e, int kind)
{
	to = put(to, ",\"totalValue\":");
	switch (kind) {
	case 0: to = put(to, "0"); break;
	case 1: to = put_cents(put(to, "-"), e->total_cents); break;
	case 2: to = put(put_cents(put(to, "\""), e->total_cents), "\""); break;
	case 3: to = put(to, "null"); break;
	default: to = put_cents(to, e->total_cents);
	}
	to = put(to, ",\"basketSize\":");
	switch (kind) {
	case 4: return put(to, "0");
	case 5: return put(to, "-1");
	case 6: return put(put_number(put(to, "\""), (uint64_t)e->basket, 1), "\"");
	default: return put_number(to, (uint64_t)e->basket, 1);
	}
}
#define INVALID_KINDS 7

static char *put_event(char *to, const struct event *e, const struct options *o, int invalid_kind)
{
	to = put_number(put(to, "{\"userId\":\"u"), e->user, 1);
	to = put_session(put(to, "\",\"sessionId\":\""), e);
	to = put_items(put(to, "\",\"items\":["), e, o->plain);
	to = put_amounts(put(to, "]"), e, invalid_kind);
	to = put_number(put(to, ",\"timestamp\":"), e->time_ms, 1);
	if (o->label && !o->plain)
		to = put(to, e->high_value ? ",\"label\":\"HIGH_VALUE\"" : ",\"label\":\"STANDARD\"");
	return put(to, "}\n");
}

/* What is at `line` .. `to` becomes something that is no JSON. */
static char *spoil(char *line, char *to, struct rng *r)
{
	static const char *const texts[] = {
		"-- log rotated --\n", "WARN consumer restarted, 3 messages skipped\n", "<purchase id=\"17\"/>\n",
	};
	uint64_t bits = draw(r);

	if (bits % 8 < 3)
		return put(line, texts[bits % 8]);
	/* Cut off somewhere behind the first member's name and before the last brace. */
	to = line + 12 + (bits >> 8) % (uint64_t)(to - 2 - (line + 12));
	return put(to, "\n");
}

static void run(const struct options *o)
{
	uint32_t *history = calloc(o->users + 1, sizeof(*history));
	struct zipf zipf = zipf_of(o->users);
	uint64_t time_us = o->start_ms * 1000;
	static char block[1 << 16];
	char *to = block;

	if (!history)
		err(1, "--users %ju", (uintmax_t)o->users);
	prices_init();
	for (uint64_t k = 0; k < o->offset + o->count; k++) {
		struct rng r = rng_of(o->seed, k);
		double fate = draw_unit(&r);
		enum flaw flaw = fate < o->invalid ? FLAW_INVALID
				: fate < o->invalid + o->malformed ? FLAW_MALFORMED : FLAW_NONE;

		/* Whole microseconds: a sum of doubles would depend on the machine's log() in the end. */
		uint64_t gap_us = (uint64_t)llround(-log(1 - draw_unit(&r)) * o->step_ms * 1000);
		uint64_t rank = zipf_draw(&zipf, &r);

		if (k > 0)
			time_us += gap_us;
		if (k >= o->offset) {
			struct event e = {
				.user = rank * 2654435761u % o->users + 1, .time_ms = time_us / 1000,
			};
			char *line = to;

			event_draw(&e, &r, history[rank]);
			to = put_event(line, &e, o, flaw == FLAW_INVALID ? (int)(draw(&r) % INVALID_KINDS) : -1);
			if (flaw == FLAW_MALFORMED)
				to = spoil(line, to, &r);
			if (to > block + sizeof(block) - LINE_MAX_BYTES) {
				if (fwrite(block, 1, (size_t)(to - block), stdout) != (size_t)(to - block))
					err(1, "stdout");
				to = block;
			}
		}
		if (flaw == FLAW_NONE)
			history[rank]++;
	}
	fwrite(block, 1, (size_t)(to - block), stdout);
	if (fflush(stdout) != 0 || ferror(stdout))
		err(1, "stdout");
	free(history);
}

/* ---- options ---- */

static const struct option long_options[] = {
	{ "offset", required_argument, NULL, 'o' }, { "seed", required_argument, NULL, 's' },
	{ "users", required_argument, NULL, 'u' }, { "start", required_argument, NULL, 'S' },
	{ "step", required_argument, NULL, 'p' }, { "invalid", required_argument, NULL, 'i' },
	{ "malformed", required_argument, NULL, 'm' }, { "no-label", no_argument, NULL, 'l' },
	{ "plain", no_argument, NULL, 'P' }, { NULL, 0, NULL, 0 },
};

static uint64_t whole(const char *name, const char *text, uint64_t least, uint64_t most)
{
	char *end;

	errno = 0;
	uint64_t n = strtoull(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || *text == '-' || n < least || n > most)
		errx(2, "%s: \"%s\" is no number from %ju to %ju", name, text, (uintmax_t)least, (uintmax_t)most);
	return n;
}

static double real(const char *name, const char *text, double most)
{
	char *end;
	double x = strtod(text, &end);

	if (end == text || *end != '\0' || !(x >= 0 && x <= most))
		errx(2, "%s: \"%s\" is no number from 0 to %g", name, text, most);
	return x;
}

int main(int argc, char **argv)
{
	struct options o = {
		.count = 1000, .seed = 42, .users = 1000, .start_ms = 1719991234567, .step_ms = 1000, .label = true,
	};
	int c;

	while ((c = getopt_long(argc, argv, "n:", long_options, NULL)) != -1) {
		switch (c) {
		case 'n': o.count = whole("-n", optarg, 0, UINT32_MAX); break;
		case 'o': o.offset = whole("--offset", optarg, 0, UINT32_MAX); break;
		case 's': o.seed = whole("--seed", optarg, 0, UINT64_MAX); break;
		case 'u': o.users = whole("--users", optarg, 1, 100000000); break;
		case 'S': o.start_ms = whole("--start", optarg, 0, 253402300799999); break;
		case 'p': o.step_ms = real("--step", optarg, 1e9); break;
		case 'i': o.invalid = real("--invalid", optarg, 1); break;
		case 'm': o.malformed = real("--malformed", optarg, 1); break;
		case 'l': o.label = false; break;
		case 'P': o.plain = true; break;
		default: return 2;
		}
	}
	if (optind < argc)
		errx(2, "\"%s\": no operand is expected", argv[optind]);
	run(&o);
	return 0;
}
