// The right half: column 6 is the innermost one.
#include "right.h"
#include "half.h"

const struct half half = {
    .columns = RIGHT_COLUMNS,
    .column_offset = RIGHT_COLUMN_OFFSET,
    .link_interval = RIGHT_LINK_INTERVAL,
};
