// Public module for keymaps: reads the keys of each layer and draws them.
export { type DrawOptions, drawLayout } from './drawing/draw.ts';
export { type Grid, gridOf, type PlacedKey, placeKeys } from './drawing/grid.ts';
export { type Legend, legendOf } from './drawing/legend.ts';
export type { Binding, Layer, Layout, LayoutError } from './layout.ts';
export { type FileLookup, type FilePlace, hashOfLookup } from './preprocessor/source-files.ts';
export {
  type KeymapOptions,
  type KeymapReading,
  MAX_KEYMAP_LENGTH,
  MAX_KEYS,
  parseKeymap,
  readKeymap,
} from './read-keymap.ts';
