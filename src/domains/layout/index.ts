// The layout domain: what is on the keys of a keymap file, from the cache. Light to import.
export {
  createLayoutService,
  KeymapFileError,
  LAYOUT_TAG,
  LayoutService,
  type LayoutServiceOptions,
} from './service.ts';
