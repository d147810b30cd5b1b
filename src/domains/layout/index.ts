// The layout domain: what is on the keys. Light to import: the grammar is loaded when a keymap is parsed.
export { type DrawOptions, drawLayout } from './draw.ts';
export { type Grid, gridOf, type PlacedKey, placeKeys } from './grid.ts';
export type { Binding, Layer, Layout, LayoutError } from './layout.ts';
export { type Legend, legendOf } from './legend.ts';
export { parseKeymap } from './parse.ts';
export {
  createLayoutService,
  KeymapFileError,
  LAYOUT_TAG,
  LayoutService,
  type LayoutServiceOptions,
} from './service.ts';
