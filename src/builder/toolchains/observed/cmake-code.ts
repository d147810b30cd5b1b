// Files that CMake code may read. The user's own code can do anything; ZMK's looks for files by their names.
import type { Uncertainty } from './uncertainty.ts';

/** Characters. */
const MAX_TEXT = 4 * 1024 * 1024;

/** Commands that read no file. */
const HARMLESS = new RegExp(
  `^(?:${[
    'set|unset|list|math|message|return|option|break|continue|set_ifndef|cmake_minimum_required|project',
    'if|elseif|else|endif|foreach|endforeach|while|endwhile|function|endfunction|macro|endmacro',
    'board_runner_args|board_set_\\w+|board_finalize_runner_args|set_property|get_property',
  ].join('|')})$`,
);

/** Commands whose files are recorded by the compiler or CMake when read, and may be shadowed by new ones. */
const RECORDED =
  /^(?:include|add_subdirectory|(?:add_subdirectory|target_sources|zephyr_library_sources|zephyr_sources)_ifdef|target_sources|target_include_directories|target_compile_\w+|include_directories|zephyr_(?:library|library_named|library_amend|library_sources|sources|include_directories|system_include_directories|library_include_directories|compile_definitions|compile_options|library_compile_definitions|library_compile_options|library_link_libraries|linker_sources|syscall_header|cc_option|ld_options)|zephyr_(?:library_|include_)\w+_ifdef)$/;

/** Zephyr's own code: recorded like all other, and part of the workspace. */
const OF_ZEPHYR = /^[ \t]*include\(\$\{ZEPHYR_BASE\}\/[\w./-]+\)[ \t]*$/gm;
const COMMAND = /^\s*([A-Za-z_]\w*)\s*\(([\s\S]*?)\)\s*$/gm;

/** The uncertainty that the user's own list file causes. */
export function uncertaintyOfCmake(text: string): Uncertainty | undefined {
  if (text.length > MAX_TEXT) return 'contents';
  const code = withoutComments(text).replaceAll(OF_ZEPHYR, '');
  // Anything other than a sequence of commands was not understood.
  if (code.replaceAll(COMMAND, '').trim() !== '') return 'contents';
  let uncertainty: Uncertainty | undefined;
  for (const [, command, inside] of code.matchAll(COMMAND)) {
    const hidden = [...inside!.matchAll(/\)\s*([A-Za-z_]\w*)\s*\(/g)].some(
      found => !/^(?:AND|OR|NOT)$/.test(found[1]!),
    );
    const name = command!.toLowerCase();
    if (hidden || !(RECORDED.test(name) || HARMLESS.test(name))) return 'contents';
    if (
      RECORDED.test(name) ||
      /\b(?:EXISTS|IS_DIRECTORY|IS_NEWER_THAN|IS_SYMLINK|IS_\w+ABLE)\b/.test(inside!)
    ) {
      uncertainty = 'names';
    }
  }
  return uncertainty;
}

/**
 * Possible names of files and directories in a list file, with the values of known variables and of those that the file
 * itself sets: absolute, or relative to its directory.
 *
 * @param lookUp a variable's value when the file is read
 */
export function pathsInCmake(text: string, lookUp: (name: string) => string | undefined): string[] {
  if (text.length > MAX_TEXT) return [];
  const own = new Map<string, string>();
  const filled = (word: string) =>
    word.replaceAll(
      /\$(?:ENV)?\{([\w.+-]+)\}/g,
      (whole, name: string) => own.get(name) ?? lookUp(name) ?? whole,
    );
  const found = new Set<string>();
  for (const line of withoutComments(text).split(/\r?\n/)) {
    const [, name, value] = /^\s*set\s*\(\s*(\w+)\s+"?([^\s;"()]+)/i.exec(line) ?? [];
    if (name !== undefined) own.set(name, filled(value!));
    const quoted = [...line.matchAll(/"([^"]*)"/g)].map(([, inside]) => inside!);
    for (const word of [...quoted, ...(line.match(/[^\s"'();=<>,]+/g) ?? [])]) {
      const path = filled(word.replace(/^-[A-Za-z]+(?=[./$])/, ''));
      if (path.includes('/') && !/[$\\]/.test(path)) found.add(path);
    }
  }
  return [...found];
}

const VARIABLE = String.raw`\$\{(?:s|SHIELD|SHIELD_DIR|shield_dir_name|BOARD|BOARD_DIR_NAME)\}`;
const PREFIX = String.raw`"?(?:\$\{(?:shield_candidate_names|SHIELD_AS_LIST|SHIELD|SHIELD_DIR|NORMALIZED_BOARD_TARGET|KEYMAP_BOARD_REVISION_PREFIX|BOARD|BOARD_DIR|BOARD_DIR_NAME)\}|\$\{BOARD\}_\$\{BOARD_REVISION_STRING\})"?`;

/**
 * The forms in which every ZMK since 2020 looks for files in the user's directory; any other form may look for other
 * files.
 */
const KNOWN_LOOKUPS = [
  String.raw`(?:else)?if ?\([^$]*\)`,
  String.raw`if ?\((?:NOT )?EXISTS "?\$\{ZMK_CONFIG\}(?:/(?:boards|dts))?"?\)`,
  String.raw`get_property\(\w+ CACHE ZMK_CONFIG PROPERTY VALUE\)`,
  String.raw`message\(.*\)`,
  String.raw`set\((?:user_config_app_cmake_lists|user_config_cli_argument|ZMK_CONFIG|CACHED_ZMK_CONFIG|ENV\{ZMK_CONFIG\}) [^/]*\)`,
  String.raw`list\((?:APPEND|PREPEND) (?:BOARD_ROOT|DTS_ROOT|KEYMAP_DIRS) "?\$\{ZMK_CONFIG\}"?\)`,
  String.raw`list\(APPEND (?:overlay|config)_candidates "?\$\{ZMK_CONFIG\}/(?:${VARIABLE}(?:_\$\{BOARD\})?|default)\.(?:overlay|conf)"?\)`,
  String.raw`list\(APPEND KEYMAP_DIRS "?\$\{(?:BOARD_DIR|BOARD_DIRECTORIES|SHIELD_DIRS|shield_path|SHIELD_DIR_\$\{s\})\}"?\)`,
  String.raw`foreach ?\(keymap_dir \$\{KEYMAP_DIRS\}\)`,
  String.raw`foreach ?\(keymap_prefix(?: ${PREFIX})+\)`,
  String.raw`if ?\(EXISTS "?\$\{keymap_dir\}/\$\{keymap_prefix\}\.keymap"?\)`,
  String.raw`set\(KEYMAP_FILE "\$\{keymap_dir\}/\$\{keymap_prefix\}\.keymap" CACHE STRING "[^"]*"\)`,
].map(pattern => new RegExp(`^${pattern}$`));

/** Whether CMake code refers to the user's directory. */
export function mentionsConfig(text: string): boolean {
  return /ZMK_CONFIG|KEYMAP_DIRS/.test(text);
}

/** Whether all lookups of a list file in the user's directory are known; see {@link lookedUpNames}. */
export function isKnownLookup(text: string): boolean {
  if (text.length > MAX_TEXT) return false;
  return withoutComments(text)
    .split(/\r?\n/)
    .map(line => line.trim().replaceAll(/\s+/g, ' '))
    .filter(line => /ZMK_CONFIG|KEYMAP_DIRS|keymap_dir\b|keymap_prefix/.test(line))
    .every(line => KNOWN_LOOKUPS.some(known => known.test(line)));
}

/** Strips line comments. Bracket comments are rare enough to count as code that is not understood. */
function withoutComments(text: string): string {
  return text.replaceAll(/^((?:[^"#\n]|"(?:[^"\\]|\\.)*")*)#(?!\[).*$/gm, '$1');
}
