/* SPDX-License-Identifier: MIT */
#include "expr/token.h"

#include <string.h>

#include "base/number.h"

static const char *const reserved[] = { "and", "false", "in", "not", "null", "or", "true", NULL };

/* By bytes, since isalpha depends on the locale. */
static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_word(char c)
{
	return is_letter(c) || is_digit(c);
}

bool token_is_reserved(const char *name, size_t len)
{
	for (size_t i = 0; reserved[i]; i++)
		if (strlen(reserved[i]) == len && memcmp(reserved[i], name, len) == 0)
			return true;
	return false;
}

bool token_is(const struct tokens *t, const struct token *token, const char *word)
{
	return token->kind == TOKEN_NAME && token->len == strlen(word) &&
	    memcmp(t->origin->text + token->at, word, token->len) == 0;
}

/* Behind the string that begins at line[i], or len when it does not end. */
static size_t behind_string(const char *line, size_t len, size_t i)
{
	char quote = line[i];

	for (i++; i < len && line[i] != quote; i++)
		if (line[i] == '\\')
			i++;
	return i < len ? i + 1 : len;
}

size_t token_comment(const char *line, size_t len)
{
	for (size_t i = 0; i < len;) {
		if (line[i] == '#')
			return i;
		i = line[i] == '"' || line[i] == '\'' ? behind_string(line, len, i) : i + 1;
	}
	return len;
}

static bool is_operator_word(const char *word, size_t len)
{
	return (len == 2 && (memcmp(word, "in", 2) == 0 || memcmp(word, "or", 2) == 0)) ||
	    (len == 3 && (memcmp(word, "and", 3) == 0 || memcmp(word, "not", 3) == 0));
}

/*
 * An arithmetic operator counts only with white space beside it: alone it can't make a condition, and labels such as
 * high-risk and n/a are common.
 */
bool token_is_bare_word(const char *text, size_t len)
{
	for (size_t i = 0; i < len;) {
		char c = text[i];
		size_t start = i;

		/* Of the words only operators count: a classification may be `true`. */
		if (strchr("()<>=!\"", c) && c)
			return false;
		if (c == '\'' && i == 0)
			return false;
		if (c && strchr("+-*/%", c) && ((i > 0 && text[i - 1] == ' ') || (i + 1 < len && text[i + 1] == ' ')))
			return false;
		if (!is_word(c)) {
			i++;
			continue;
		}
		while (i < len && is_word(text[i]))
			i++;
		if ((start == 0 || text[start - 1] == ' ') && (i == len || text[i] == ' ') && i - start < len &&
		    is_operator_word(text + start, i - start))
			return false;
	}
	return true;
}

static int number(struct tokens *t, struct token *token, struct error *why)
{
	const char *text = t->origin->text;
	size_t len = t->origin->len, start = t->at, i = start;
	bool whole = true;
	uint64_t n = 0;

	while (i < len && is_digit(text[i])) {
		if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, (uint64_t)(text[i] - '0'), &n))
			whole = false;
		i++;
	}
	if (text[start] == '0' && i - start > 1)
		return caret_set(why, t->origin, start, "a number has no leading zero: \"%.*s\"",
		    (int)(i - start > 40 ? 40 : i - start), text + start);
	if (i + 1 < len && text[i] == '.' && is_digit(text[i + 1])) {
		whole = false;
		for (i++; i < len && is_digit(text[i]);)
			i++;
	} else if (i < len && text[i] == '.') {
		return caret_set(why, t->origin, i, "a digit must follow the point of a number");
	}
	if (i + 1 < len && (text[i] == 'e' || text[i] == 'E')) {
		size_t digits = i + 1 + (text[i + 1] == '+' || text[i + 1] == '-');

		if (digits < len && is_digit(text[digits])) {
			whole = false;
			for (i = digits; i < len && is_digit(text[i]);)
				i++;
		}
	}
	token->kind = TOKEN_NUMBER;
	if (i < len && is_word(text[i])) {
		token->kind = TOKEN_DURATION;
		while (i < len && is_word(text[i]))
			i++;
	} else if (whole) {
		token->value = n <= INT64_MAX ? value_integer((int64_t)n) :
		    (struct value){ .type = VALUE_UNSIGNED, .uinteger = n };
	} else {
		double x;
		struct error range;

		if (number_parse_double(arena_copy(t->arena, text + start, i - start), &x, &range) < 0)
			return caret_set(why, t->origin, start, "no double holds this number");
		token->value = value_number(x);
	}
	token->len = i - start;
	t->at = i;
	return 0;
}

static int hex4(const char *p, const char *end)
{
	int n = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		char c = p[i];

		if (is_digit(c))
			n = n * 16 + c - '0';
		else if (c >= 'a' && c <= 'f')
			n = n * 16 + c - 'a' + 10;
		else if (c >= 'A' && c <= 'F')
			n = n * 16 + c - 'A' + 10;
		else
			return -1;
	}
	return n;
}

static char *put_utf8(char *out, uint32_t c)
{
	if (c < 0x80) {
		*out++ = (char)c;
	} else if (c < 0x800) {
		*out++ = (char)(0xc0 | c >> 6);
		*out++ = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*out++ = (char)(0xe0 | c >> 12);
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
		*out++ = (char)(0x80 | (c & 0x3f));
	} else {
		*out++ = (char)(0xf0 | c >> 18);
		*out++ = (char)(0x80 | (c >> 12 & 0x3f));
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
		*out++ = (char)(0x80 | (c & 0x3f));
	}
	return out;
}

/* \uXXXX behind its backslash, a pair of surrogates included: what it takes, 0: malformed. */
static size_t unicode_escape(const char *p, const char *end, uint32_t *code)
{
	int high = hex4(p + 1, end), low;

	if (high < 0 || (high >= 0xdc00 && high <= 0xdfff))
		return 0;
	*code = (uint32_t)high;
	if (high < 0xd800 || high > 0xdbff)
		return 5;
	if (end - p < 7 || p[5] != '\\' || p[6] != 'u')
		return 0;
	low = hex4(p + 7, end);
	if (low < 0xdc00 || low > 0xdfff)
		return 0;
	*code = 0x10000 + ((uint32_t)high - 0xd800) * 0x400 + ((uint32_t)low - 0xdc00);
	return 11;
}

static int string(struct tokens *t, struct token *token, struct error *why)
{
	static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
	const char *text = t->origin->text, *end = text + t->origin->len, *p = text + t->at;
	char quote = *p, *start, *out;

	/* No escape is longer written out than written down. */
	start = out = arena_get(t->arena, (size_t)(behind_string(text, t->origin->len, t->at) - t->at) + 1);
	for (p++; p < end && *p != quote;) {
		uint32_t code;
		size_t n;

		if (*p == '\\' && p + 1 < end && p[1] == 'u') {
			n = unicode_escape(p + 1, end, &code);
			if (n == 0)
				return caret_set(why, t->origin, (size_t)(p - text), "no character: \\u takes four "
				    "hexadecimal digits, and surrogates come in pairs");
			out = put_utf8(out, code);
			p += 1 + n;
		} else if (*p == '\\') {
			const char *letter = p + 1 < end && p[1] ? strchr(letters, p[1]) : NULL;

			if (p + 1 == end)
				break;
			if (!letter && p[1] != '\'')
				return caret_set(why, t->origin, (size_t)(p - text),
				    "unknown escape: a string has \\\" \\' \\\\ \\/ \\b \\f \\n \\r \\t and \\uXXXX");
			*out++ = letter ? meant[letter - letters] : '\'';
			p += 2;
		} else if ((unsigned char)*p < 0x20) {
			return caret_set(why, t->origin, (size_t)(p - text),
			    "a control character in a string is written as an escape: \\u%04x", (unsigned)*p);
		} else {
			n = caret_character(p, end, &code);
			if (n == 0)
				return caret_set(why, t->origin, (size_t)(p - text), "a string must be UTF-8");
			memcpy(out, p, n);
			out += n;
			p += n;
		}
	}
	if (p >= end)
		return caret_set(why, t->origin, t->at, "this string has no end: %c is missing", quote);
	token->kind = TOKEN_STRING;
	token->value = value_text(start, (size_t)(out - start));
	token->len = (size_t)(p + 1 - text) - t->at;
	*out = '\0';
	t->at += token->len;
	return 0;
}

/* What other languages write, and what is written here. */
static const struct { const char *text, *instead; } habits[] = {
	{ "===", "==" }, { "!==", "!=" }, { "=>", ">=" }, { "=<", "<=" }, { "=~", "contains(text, part)" }, { "=", "==" },
	{ "<>", "!=" }, { "&&", "and" }, { "&", "and" }, { "||", "or" }, { "|", "or" }, { "!", "not" },
	{ "**", "pow(x, y)" }, { "^", "pow(x, y)" }, { "??", "coalesce(a, b)" }, { "?", "if(c, a, b)" },
};

static const struct { const char *text; enum token_kind kind; } marks[] = {
	{ "<=", TOKEN_LESS_EQUAL }, { ">=", TOKEN_GREATER_EQUAL }, { "==", TOKEN_EQUAL }, { "!=", TOKEN_NOT_EQUAL },
	{ "<", TOKEN_LESS }, { ">", TOKEN_GREATER }, { "(", TOKEN_OPEN }, { ")", TOKEN_CLOSE },
	{ "[", TOKEN_BRACKET }, { "]", TOKEN_UNBRACKET }, { ",", TOKEN_COMMA }, { ".", TOKEN_DOT }, { "+", TOKEN_PLUS },
	{ "-", TOKEN_MINUS }, { "*", TOKEN_STAR }, { "/", TOKEN_SLASH }, { "%", TOKEN_PERCENT },
};

static bool begins(const char *p, size_t left, const char *text)
{
	size_t n = strlen(text);

	return n <= left && memcmp(p, text, n) == 0;
}

static int mark(struct tokens *t, struct token *token, struct error *why)
{
	const char *p = t->origin->text + t->at, *end = t->origin->text + t->origin->len;
	size_t left = (size_t)(end - p), n;
	uint32_t code;

	/* "a == null" must not be taken for the habit "=": the longer habits first, then the marks, then the rest. */
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < sizeof habits / sizeof *habits; i++) {
			n = strlen(habits[i].text);
			if ((n > 1) == (pass == 0) && begins(p, left, habits[i].text))
				return caret_set(why, t->origin, t->at, "unexpected \"%s\" (did you mean %s?)",
				    habits[i].text, habits[i].instead);
		}
		for (size_t i = 0; pass == 0 && i < sizeof marks / sizeof *marks; i++) {
			if (begins(p, left, marks[i].text)) {
				token->kind = marks[i].kind;
				token->len = strlen(marks[i].text);
				t->at += token->len;
				return 0;
			}
		}
	}
	n = caret_character(p, end, &code);
	if (n == 0)
		return caret_set(why, t->origin, t->at, "not UTF-8: byte 0x%02x", (unsigned)(unsigned char)*p);
	if (code < 0x20 || code == 0x7f)
		return caret_set(why, t->origin, t->at, "unexpected control character (0x%02x)", (unsigned)code);
	if (code == 0x2018 || code == 0x2019 || code == 0x201c || code == 0x201d || code == 0x201e)
		return caret_set(why, t->origin, t->at, "strings stand in straight quotes: \"...\" or '...'");
	if (code >= 0x80 || strchr("@$`", *p))
		return caret_set(why, t->origin, t->at, "unexpected \"%.*s\"; a name with other characters than letters, "
		    "digits and _ is quoted: [\"...\"]", (int)n, p);
	return caret_set(why, t->origin, t->at, "unexpected \"%c\"", *p);
}

int token_next(struct tokens *t, struct token *token, struct error *why)
{
	const char *text = t->origin->text;
	size_t len = t->origin->len, last = t->at;

	while (t->at < len && (text[t->at] == ' ' || text[t->at] == '\t' || text[t->at] == '\r' || text[t->at] == '\n'))
		t->at++;
	memset(token, 0, sizeof *token);
	if (t->at == len) {
		token->kind = TOKEN_END;
		token->at = last;
		t->at = last;
		return 0;
	}
	token->at = t->at;
	if (is_digit(text[t->at]))
		return number(t, token, why);
	if (text[t->at] == '"' || text[t->at] == '\'')
		return string(t, token, why);
	if (!is_letter(text[t->at]))
		return mark(t, token, why);
	token->kind = TOKEN_NAME;
	while (t->at < len && is_word(text[t->at]))
		t->at++;
	token->len = t->at - token->at;
	return 0;
}
