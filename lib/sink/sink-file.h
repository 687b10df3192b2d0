/* SPDX-License-Identifier: MIT */
/* sink-file.h - a path, appended to; fields of event time in it name one file an hour, a day .... */
#ifndef SINK_SINK_FILE_H
#define SINK_SINK_FILE_H

#include "sink/sink.h"

extern const struct sink_kind sink_file;

#endif
