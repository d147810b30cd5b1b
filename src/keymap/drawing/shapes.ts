// Shapes of a layer's keys in pixels: where they are on the keyboard if that is known, else in the grid of its rows.
import type { Layer } from '../layout.ts';
import { type PhysicalKey, type PhysicalLayout, physicalLayoutFor } from '../physical-layout.ts';
import { gridOf, placeKeys } from './grid.ts';

/** A key cap: its place in pixels. */
export type KeyShape = PhysicalKey;

/** Shapes by index of the key, and the size of the rectangle that has room for all. */
export interface LayerShapes {
  keys: KeyShape[];
  width: number;
  height: number;
}

/** Pixels of an ordinary key with the gap to the next one. */
const UNIT = 58;
const GAP = 5;

/** Maximum inner width of a cap in columns of the grid, and their number. */
const WIDEST_CAP = 8;
const COLUMNS = 240;
const COLUMN = 7;
const GRID_HEIGHT = 42;
const GRID_GAP = 6;

/** The shapes of a layer's keys. */
export function shapesOf(layer: Layer, layouts: readonly PhysicalLayout[]): LayerShapes {
  const physical = physicalLayoutFor(layouts, layer.bindings.length);
  return fitted(physical === undefined ? gridShapes(layer) : physicalShapes(physical));
}

function physicalShapes({ keys }: PhysicalLayout): KeyShape[] {
  return keys.map(({ x, y, width, height, rotation, originX, originY }) => ({
    ...{ x: x * UNIT, y: y * UNIT, width: width * UNIT - GAP, height: height * UNIT - GAP },
    ...{ rotation, originX: originX * UNIT, originY: originY * UNIT },
  }));
}

function gridShapes({ rows, bindings }: Layer): KeyShape[] {
  const grid = gridOf(rows, WIDEST_CAP, COLUMNS);
  const shapes: KeyShape[] = [];
  for (const { key, row, left } of placeKeys(grid)) {
    const place = { x: left * COLUMN, y: row * (GRID_HEIGHT + GRID_GAP) };
    const size = { width: grid.cap * COLUMN, height: GRID_HEIGHT };
    if (key < bindings.length) shapes[key] = { ...place, ...size, rotation: 0, originX: 0, originY: 0 };
  }
  return shapes;
}

/** Moves all keys to where the first column and line are 0. */
function fitted(keys: readonly KeyShape[]): LayerShapes {
  const corners = keys.flatMap(cornersOf);
  const left = Math.min(...corners.map(([x]) => x));
  const top = Math.min(...corners.map(([, y]) => y));
  if (corners.length === 0) return { keys: [], width: 0, height: 0 };
  return {
    keys: keys.map(key => ({
      ...key,
      ...{
        x: round(key.x - left),
        y: round(key.y - top),
        width: round(key.width),
        height: round(key.height),
      },
      ...{ originX: round(key.originX - left), originY: round(key.originY - top) },
    })),
    width: round(Math.max(...corners.map(([x]) => x)) - left),
    height: round(Math.max(...corners.map(([, y]) => y)) - top),
  };
}

function cornersOf({ x, y, width, height, rotation, originX, originY }: KeyShape): [number, number][] {
  const angle = (rotation * Math.PI) / 180;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  return [
    [x, y],
    [x + width, y],
    [x, y + height],
    [x + width, y + height],
  ].map(([cornerX, cornerY]) => {
    const [dx, dy] = [cornerX! - originX, cornerY! - originY];
    return [originX + dx * cos - dy * sin, originY + dx * sin + dy * cos];
  });
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
