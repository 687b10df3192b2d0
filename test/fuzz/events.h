/* SPDX-License-Identifier: MIT */
/* events.h - a small stream for targets whose input is a program and not data: ties, late ones, nulls, every type. */
#ifndef TEST_FUZZ_EVENTS_H
#define TEST_FUZZ_EVENTS_H

#include "fuzz.h"

#include "stream/record.h"

#define EVENTS_MAX 64

static const char *const events[] = {
	"{\"user\":\"a\",\"timestamp\":1000,\"x\":1,\"y\":0.5,\"s\":\"one\",\"items\":[{\"p\":1,\"q\":\"k\"},{\"p\":2}],\"ok\":true}",
	"{\"user\":\"b\",\"timestamp\":1000,\"x\":-3,\"y\":1e16,\"s\":\"\",\"items\":[],\"ok\":false,\"classification\":\"HIGH\"}",
	"{\"user\":\"a\",\"timestamp\":1500,\"x\":2,\"y\":null,\"s\":\"two\",\"v\":[1,2,3],\"ok\":null}",
	"{\"user\":\"a\",\"timestamp\":1500,\"x\":2,\"y\":-1e16,\"s\":\"\\u00e9\",\"v\":[4,null,6],\"probability\":0.9}",
	"{\"user\":\"c\",\"timestamp\":900,\"x\":9223372036854775807,\"y\":18446744073709551615,\"s\":\"late\"}",
	"{\"user\":\"a\",\"timestamp\":61000,\"x\":0,\"y\":1e308,\"s\":\"one\",\"v\":[]}",
	"not JSON",
	"{\"user\":null,\"timestamp\":61001,\"x\":1e400,\"y\":0.1}",
	"{\"user\":7,\"timestamp\":\"1700000000000\",\"x\":\"3\",\"y\":0.2}",
	"{\"timestamp\":3600000,\"x\":4,\"y\":0.3,\"user\":\"b\",\"s\":\"two\"}",
	"{\"user\":[1,\"x\"],\"timestamp\":3600000.25,\"x\":5,\"y\":0.30000000000000004}",
	"{\"errorType\":\"PARSE_ERROR\",\"errorMessage\":\"m\",\"rawData\":\"r\",\"timestamp\":1,\"stage\":\"replay\",\"source\":\"s\",\"line\":1,\"_sml\":\"error\"}",
	"{\"user\":\"b\",\"timestamp\":-5,\"x\":6,\"y\":1e-320,\"a\":{\"b\":{\"c\":1}}}",
	"{\"user\":\"a\",\"timestamp\":7200000,\"x\":6,\"y\":5,\"y\":6,\"a\":{\"b\":2},\"ok\":true}",
};

#define EVENTS (sizeof events / sizeof *events)

/* The stream above and behind it the lines of the input, at most EVENTS_MAX in all; free what lies from EVENTS on. */
static inline size_t events_lines(const uint8_t *bytes, size_t n, char *line[EVENTS_MAX], size_t len[EVENTS_MAX])
{
	const uint8_t *piece;
	size_t count = EVENTS, at = 0, got;

	for (size_t i = 0; i < EVENTS; i++) {
		line[i] = (char *)events[i];
		len[i] = strlen(events[i]);
	}
	while (n && count < EVENTS_MAX && fuzz_piece(bytes, n, '\n', &at, &piece, &got)) {
		line[count] = fuzz_copy(piece, got);
		len[count++] = got;
	}
	return count;
}

#endif
