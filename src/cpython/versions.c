#include <errno.h>
#include <stddef.h>

#include "base.h"
#include "layouts_priv.h"

/* The first PY_VERSION_HEX that each table is for; it ends with its minor. */
static const struct {
	uint32_t from;
	const struct layout *layout;
} versions[] = {
	{0x02070000, &layout_v27},  {0x03060000, &layout_v36},
	{0x03070000, &layout_v370}, {0x03070400, &layout_v37},
	{0x03080000, &layout_v38},  {0x03090000, &layout_v39},
	{0x030a0000, &layout_v310}, {0x030b0000, &layout_v311},
	{0x030c0000, &layout_v312}, {0x030d0000, &layout_v313},
	{0x030e0000, &layout_v314}, {0x030f0000, &layout_v315},
};

const char *layouts_known(void)
{
	return "2.7 and 3.6 to 3.15";
}

int layout_for_version(struct layout *out, uint32_t hex, struct err *err)
{
	const struct layout *found = NULL;
	size_t i;

	for (i = 0; i < sizeof(versions) / sizeof(*versions); i++)
		if (versions[i].from <= hex &&
		    versions[i].from >> 16 == hex >> 16)
			found = versions[i].layout;
	if (!found)
		return err_set(err, -ENOTSUP,
			       "Python %u.%u is not known to this pystrobe, "
			       "which knows %s; a newer one may",
			       hex >> 24, hex >> 16 & 0xff, layouts_known());
	*out = *found;
	layout_spans(out);
	return 0;
}

bool layout_needs_offsets(const struct layout *l)
{
	return l->major == 3 && l->minor >= 13;
}
