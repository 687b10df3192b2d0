/* SPDX-License-Identifier: MIT */
/* crc32c.h - CRC-32C (Castagnoli; RFC 3720, appendix B.4), for files that must not be half-read. */
#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Of the bytes so far (0 at the start) and n more.  crc32c_add(0, "123456789", 9) = 0xe3069283. */
uint32_t crc32c_add(uint32_t crc, const void *, size_t n);

#endif
