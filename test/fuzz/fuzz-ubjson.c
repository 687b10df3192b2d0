/* SPDX-License-Identifier: MIT */
/* UBJSON: what is accepted becomes text that is not much longer, and JSON where its strings are text and its keys are whole. */
#include "fuzz.h"

#include "base/arena.h"
#include "json/parse.h"
#include "json/ubjson.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct error why = { "" };
	struct arena arena = ARENA_INIT;
	struct buf text = BUF_INIT;
	struct value root;
	char *copy = fuzz_copy(bytes, n);

	ubjson_is(copy, n);
	const int result = ubjson_to_json(copy, n, &text, &why);
	CHECK(text.len <= 10 * n + 10);
	if (result)
		CHECK(!strncmp(why.text, "at byte ", 8));
	else if (json_document(&arena, text.data, text.len, &root, &why))
		CHECK(strstr(why.text, "UTF-8") || memchr(bytes, 'H', n) || strstr(why.text, "after"));
	free(copy);
	buf_release(&text);
	arena_release(&arena);
	return 0;
}
