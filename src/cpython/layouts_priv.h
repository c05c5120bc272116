/*
 * layouts_priv.h - one table per minor version; the only mutable thing about
 * them is which one is copied.
 */
#ifndef PYSTROBE_LAYOUTS_PRIV_H
#define PYSTROBE_LAYOUTS_PRIV_H

#include "cpython.h"

extern const struct layout layout_v27, layout_v36, layout_v370, layout_v37,
	layout_v38, layout_v39, layout_v310, layout_v311, layout_v312,
	layout_v313, layout_v314, layout_v315;

/*
 * Sets the sizes and spans that follow from the other offsets: the tables
 * leave them out. Without a field in it (2.7 and 3.6 have no _PyRuntime) a
 * span is 0 to 0.
 */
void layout_spans(struct layout *l);

#endif
