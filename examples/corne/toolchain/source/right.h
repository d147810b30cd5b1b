// Wiring of the right half: the same pins, counted from the inside, because the board is turned over.
#pragma once

#define RIGHT_COLUMNS {{1, 11}, {1, 13}, {1, 15}, {0, 2}, {0, 29}, {0, 31}}
#define RIGHT_COLUMN_OFFSET 6
#define RIGHT_LINK_INTERVAL 19
