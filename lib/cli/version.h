/* SPDX-License-Identifier: MIT */
/* version.h - the version, in one place. */
#ifndef CLI_VERSION_H
#define CLI_VERSION_H

#define SML_VERSION "0.1.0"

#endif
