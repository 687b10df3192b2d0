/* SPDX-License-Identifier: MIT */
/* sink-fd.h - an open descriptor: 3, fd:3. */
#ifndef SINK_SINK_FD_H
#define SINK_SINK_FD_H

#include "sink/sink.h"

extern const struct sink_kind sink_fd;

#endif
