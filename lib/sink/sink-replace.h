/* SPDX-License-Identifier: MIT */
/* sink-replace.h - a file that each record replaces whole: readers see the old one or the new one. */
#ifndef SINK_SINK_REPLACE_H
#define SINK_SINK_REPLACE_H

#include "sink/sink.h"

extern const struct sink_kind sink_replace;

#endif
