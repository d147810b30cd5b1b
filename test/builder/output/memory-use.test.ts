import test from 'ava';
import { asFirmwareSize, sizeWarning } from '../../../src/builder/output/firmware-size.ts';
import { asMemoryUse, MemoryTable } from '../../../src/builder/output/memory-use.ts';

function useOf(...lines: string[]) {
  const table = new MemoryTable();
  for (const line of lines) table.line(line);
  return table.use;
}

test("memory use is read from the linker's table, in any of its units", t => {
  const use = useOf(
    '[163/163] Linking C executable zephyr/zmk.elf',
    'Memory region         Used Size  Region Size  %age Used',
    '           FLASH:      208016 B       792 KB     25.65%',
    '             RAM:         57 KB       256 KB     22.27%',
    '        IDT_LIST:          0 GB         2 KB      0.00%',
  );
  t.deepEqual(use, { flash: { used: 208_016, size: 811_008 }, ram: { used: 58_368, size: 262_144 } });
  t.is(useOf('FLASH: full', 'RAM: 3 B of 4 B'), undefined);
});

test('a stored memory use that is not one counts as unknown', t => {
  const use = { flash: { used: 1, size: 2 } };
  t.deepEqual(asMemoryUse({ ...use, ram: { used: -1, size: 2 }, other: 3 }), use);
  for (const damaged of [undefined, 'text', [], {}, { flash: { used: 1, size: 0 } }, { ram: { used: '1' } }])
    t.is(asMemoryUse(damaged), undefined);
  for (const damaged of [undefined, [], { kind: 1, bytes: 1 }, { kind: '.uf2', bytes: 1.5 }])
    t.is(asFirmwareSize(damaged), undefined);
});

test('a firmware that shrank or grew by more than a third is worth a warning', t => {
  const warning = (before: number, now: number) =>
    sizeWarning({ kind: '.uf2', bytes: before }, { kind: '.uf2', bytes: now });
  for (const now of [200, 300, 400]) t.is(warning(300, now), undefined);
  t.regex(warning(300, 199)!, /^The firmware shrank from 300 to 199 bytes .* 34 % smaller\./);
  t.regex(warning(300, 401)!, /^The firmware grew from 300 to 401 bytes .* 34 % larger\./);
  t.is(sizeWarning({ kind: '.uf2', bytes: 300 }, { kind: '.bin', bytes: 150 }), undefined, 'other files');
});
