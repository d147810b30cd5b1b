// Public module for keymaps: reads the keys of each layer and draws them.
export { type DrawOptions, drawLayout } from './drawing/draw.ts';
export { type Legend, legendOf } from './drawing/legend.ts';
export { type KeyShape, type LayerShapes, shapesOf } from './drawing/shapes.ts';
export type {
  Binding,
  Combo,
  ConditionalLayer,
  Layer,
  Layout,
  LayoutError,
  Macro,
} from './layout.ts';
export {
  type PhysicalKey,
  type PhysicalLayout,
  physicalLayoutFor,
  readPhysicalLayouts,
} from './physical-layout.ts';
export { type FileLookup, type FilePlace, hashOfLookup } from './preprocessor/source-files.ts';
export {
  type KeymapOptions,
  type KeymapReading,
  MAX_KEYMAP_LENGTH,
  MAX_KEYS,
  parseKeymap,
  readKeymap,
} from './read-keymap.ts';
