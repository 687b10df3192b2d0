/* SPDX-License-Identifier: MIT */
/* UBJSON to JSON: each type, each kind of container, and what is refused.  XGBoost's own files are in test-trees.c. */
#include "json/ubjson.h"

#include "tap.h"

#define BYTES(text) (text), sizeof(text) - 1

static void becomes(const char *bytes, size_t n, const char *json)
{
	struct buf b = BUF_INIT;
	struct error why = { "" };
	const int result = ubjson_to_json(bytes, n, &b, &why);

	is_str(result ? why.text : buf_text(&b), json, "%s", json);
	buf_release(&b);
}

int main(void)
{
	becomes(BYTES("Z"), "null");
	becomes(BYTES("NNTN"), "true");
	becomes(BYTES("[NTFN]"), "[true,false]");
	becomes(BYTES("[i\x80U\x80I\x80\0l\x80\0\0\0L\x80\0\0\0\0\0\0\0]"), "[-128,128,-32768,-2147483648,-9223372036854775808]");
	becomes(BYTES("[d\x3d\xcc\xcc\xcd" "D\x3f\xb9\x99\x99\x99\x99\x99\x9a" "d\x7f\xc0\0\0" "d\xff\x80\0\0]"), "[0.10000000149011612,0.1,null,null]");
	becomes(BYTES("[CxSi\0SU\3a\"\nHi\4-1e9]"), "[\"x\",\"\",\"a\\\"\\n\",-1e9]");
	becomes(BYTES("{i\1aZi\1b{}}"), "{\"a\":null,\"b\":{}}");
	becomes(BYTES("{#i\2i\1aTi\1b[#i\0"), "{\"a\":true,\"b\":[]}");
	becomes(BYTES("[$I#i\3\0\1\0\2\xff\xff"), "[1,2,-1]");
	becomes(BYTES("{$U#i\2i\1a\1i\1b\2"), "{\"a\":1,\"b\":2}");
	becomes(BYTES("[$[#i\2i\1]$U#i\1\7"), "[[1],[7]]");
	becomes(BYTES("[$S#i\2i\1ai\1b"), "[\"a\",\"b\"]");

	becomes(BYTES(""), "at byte 1: it ends too early");
	becomes(BYTES("["), "at byte 2: it ends too early");
	becomes(BYTES("x"), "at byte 1: a value of no type that is known");
	becomes(BYTES("ZZ"), "at byte 2: it goes on behind its end");
	becomes(BYTES("I\0"), "at byte 2: it ends too early");
	becomes(BYTES("SI\x7f\xff" "ab"), "at byte 5: a string is longer than the file");
	becomes(BYTES("Si\xff"), "at byte 4: a length is below 0");
	becomes(BYTES("SZ"), "at byte 3: an integer was expected");
	becomes(BYTES("Hi\3abc"), "at byte 7: a number of high precision is none");
	becomes(BYTES("Hi\1" "5"), "5");
	becomes(BYTES("[$U"), "at byte 4: a container has a type and no count");
	becomes(BYTES("[$Z#l\x7f\xff\xff\xff"), "at byte 4: a container's type is none that is read");
	becomes(BYTES("[$d#L\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0"), "at byte 14: a container claims more than the file has");
	becomes(BYTES("[#l\x7f\xff\xff\xff"), "at byte 8: a container claims more than the file has");

	char nested[2000];
	memset(nested, '[', sizeof nested);
	becomes(nested, sizeof nested, "at byte 514: it is nested too deep");

	ok(ubjson_is(BYTES("{L\0\0\0\0\0\0\0\1a")) && ubjson_is(BYTES("{i\1aZ}")) && ubjson_is(BYTES("{#i\0")), "what begins as UBJSON does");
	ok(!ubjson_is(BYTES("{\"a\":1}")) && !ubjson_is(BYTES("{ }")) && !ubjson_is(BYTES("{}")) && !ubjson_is(BYTES("{")) && !ubjson_is(BYTES("[i\1")), "what does not");
	return done();
}
