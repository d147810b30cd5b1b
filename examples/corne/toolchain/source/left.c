// The left half: column 0 is the outermost one.
#include "half.h"

const struct half half = {
    .columns = {{0, 31}, {0, 29}, {0, 2}, {1, 15}, {1, 13}, {1, 11}},
    .column_offset = 0,
    .link_interval = 17,
};
