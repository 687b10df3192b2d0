/* SPDX-License-Identifier: MIT */
/*
 * banned.h - functions that no file of lib/ or cmd/ may name; the Makefile includes it first in each.
 *
 * Instead: buf and snprintf (strcpy, strcat, sprintf, gets), strsep or token.h (strtok), number.h (atoi, atof, atol:
 * they take "12x" for 12 and can't tell 0 from a mistake).  setlocale would make the form of numbers depend on who runs
 * the program.  The system's headers come first: after the poison they could not declare what they declare.
 */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

/* Macros of clang's under _FORTIFY_SOURCE. */
#undef sprintf
#undef vsprintf
#pragma GCC poison strcpy strcat sprintf vsprintf gets
#pragma GCC poison strtok atoi atol atoll atof setlocale

#endif
