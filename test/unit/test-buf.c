/* SPDX-License-Identifier: MIT */
#include "base/buf.h"

#include "tap.h"

int main(void)
{
	struct buf b = BUF_INIT;
	bool same = true;

	is_str(buf_text(&b), "", "empty text");
	is_int(b.len, 0, "the NUL is not counted");
	buf_add(&b, NULL, 0);
	buf_add_text(&b, "one");
	buf_add_byte(&b, ' ');
	buf_add(&b, "two!", 3);
	is_bytes(b.data, b.len, "one two", "text, byte, bytes");
	buf_format(&b, " %d%s", 3, "");
	is_str(buf_text(&b), "one two 3", "formatted");
	buf_format(&b, "%s", "");
	is_int(b.len, 9, "formatted nothing");

	buf_clear(&b);
	is_int(b.len, 0, "clear");
	for (int i = 0; i < 10000; i++)
		buf_format(&b, "%04d", i);
	is_int(b.len, 40000, "grown by formatting");
	for (int i = 0; i < 10000; i++) {
		char text[16];
		snprintf(text, sizeof text, "%04d", i);
		same = same && !memcmp(b.data + 4 * i, text, 4);
	}
	ok(same, "nothing lost in growing");

	/* Text that fills the room to the last byte and beyond. */
	for (size_t n = 200; n < 600; n++) {
		struct buf c = BUF_INIT;
		for (size_t i = 0; i < n; i++)
			buf_add_byte(&c, 'x');
		buf_format(&c, "%s", "0123456789");
		same = same && c.len == n + 10 && !strcmp(buf_text(&c) + n, "0123456789");
		buf_release(&c);
	}
	ok(same, "formatting at every edge of the room");

	buf_clear(&b);
	memset(buf_reserve(&b, 1 << 20), 'y', 1 << 20);
	b.len += 1 << 20;
	ok(b.size >= b.len && b.data[b.len - 1] == 'y', "reserve");
	buf_release(&b);
	ok(!b.data && !b.len && !b.size, "release leaves it empty");
	buf_release(&b);
	return done();
}
