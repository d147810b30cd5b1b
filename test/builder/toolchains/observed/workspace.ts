// A west workspace with as much of ZMK as {@link buildZmk} needs: one board, some shields, and the CMake code that looks
// for files in the user's directory.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** Written anew, in the style of ZMK's own. */
const LOOKUPS = `
set(user_config_app_cmake_lists \${ZMK_CONFIG})
if(EXISTS \${ZMK_CONFIG}/boards)
  list(APPEND BOARD_ROOT \${ZMK_CONFIG})
endif()
foreach(s \${SHIELD_AS_LIST})
  list(APPEND overlay_candidates "\${ZMK_CONFIG}/\${s}_\${BOARD}.overlay")
  list(APPEND config_candidates "\${ZMK_CONFIG}/\${s}.conf") # one of many
endforeach()
foreach(keymap_dir \${KEYMAP_DIRS})
  foreach(keymap_prefix \${shield_candidate_names} \${SHIELD_AS_LIST} \${BOARD})
    if (EXISTS \${keymap_dir}/\${keymap_prefix}.keymap)
    endif()
  endforeach()
endforeach()
`;

const BOARD = 'zmk/app/boards/arm/nice_nano';

/** The shields of the workspace: two halves, and one that is whole. */
export const SHIELDS = ['corne_left', 'corne_right', 'lily58_left', 'lily58_right', 'reviung41'];

/** Files by their paths in the workspace. */
export function workspaceFiles(): Record<string, string> {
  const files: Record<string, string> = {
    // As west leaves it before the first build.
    '.west/config': '[manifest]\npath = config\nfile = west.yml\n',
    'zephyr/include/kernel.h': '// kernel',
    'zephyr/dts/common/mem.h': '#define DT_SIZE_K(x) ((x) * 1024)',
    'zmk/app/CMakeLists.txt': 'project(zmk)\n',
    'zmk/app/keymap-module/modules/modules.cmake': LOOKUPS,
    'zmk/app/Kconfig': 'config ZMK_KEYBOARD_NAME\n',
    'zmk/app/prj.conf': 'CONFIG_APPLICATION_DEFINED_SYSCALL=y\n',
    'zmk/app/src/main.c': 'int main(void) { return 0; }',
    'zmk/app/dts/behaviors.dtsi': '#include <behaviors/key_press.dtsi>\n',
    'zmk/app/dts/behaviors/key_press.dtsi': '/ { kp: kp { }; };\n',
    'zmk/app/dts/bindings/kp.yaml': 'compatible: "zmk,behavior-key-press"\n',
    'zmk/app/include/dt-bindings/zmk/keys.h': '#define A 4\n',
    [`${BOARD}/nice_nano_v2.dts`]: '#include <mem.h>\n/ { model = "nice!nano v2"; };\n',
    [`${BOARD}/nice_nano_v2_defconfig`]: 'CONFIG_SOC_NRF52840_QIAA=y\n',
  };
  for (const shield of SHIELDS) {
    const [keyboard] = shield.split('_');
    const directory = `zmk/app/boards/shields/${keyboard}`;
    files[`${directory}/Kconfig.shield`] = `config SHIELD_${keyboard}\n`;
    files[`${directory}/${keyboard}.dtsi`] = `/ { kscan { ${keyboard} }; };\n`;
    files[`${directory}/${shield}.overlay`] = `#include "${keyboard}.dtsi"\n&kscan { ${shield} };\n`;
    files[`${directory}/${keyboard}.keymap`] = '#include <behaviors.dtsi>\n/ { keymap { }; };\n';
  }
  return files;
}

/** Writes files below a directory. */
export function writeFiles(directory: string, files: Record<string, string>): void {
  for (const [file, content] of Object.entries(files)) {
    const place = path.join(directory, file);
    mkdirSync(path.dirname(place), { recursive: true });
    writeFileSync(place, content);
  }
}
