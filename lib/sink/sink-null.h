/* SPDX-License-Identifier: MIT */
/* sink-null.h - nowhere: dropped, and counted. */
#ifndef SINK_SINK_NULL_H
#define SINK_SINK_NULL_H

#include "sink/sink.h"

extern const struct sink_kind sink_null;

#endif
