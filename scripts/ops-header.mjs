// Writes native/init/ops.h and native/init/rules.h, the C side of the tables in lib/plan: ops.ts, rules.ts, values.ts and flags.ts.
// `--check` writes nothing and fails if one is out of step; `--print ops` and `--print rules` show what they should be.
import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { rulesHeader } from './rules-header.mjs'

const HEADERS = {
  ops: new URL('../native/init/ops.h', import.meta.url),
  rules: new URL('../native/init/rules.h', import.meta.url),
}

const tables = await loadTables()
const { OPS, OP_NAMES, PHASES, RESOLVE, RESOLVE_IN_ROOT } = tables
const names = OP_NAMES.map(name => ({ name, code: `OP_${name.toUpperCase()}` }))
const widest = Math.max(...OP_NAMES.map(name => Object.keys(OPS[name].args).length))

async function loadTables() {
  const contents = ['ops', 'rules', 'values', 'flags'].map(name => `export * from './${name}.js'`).join('\n')
  const resolveDir = fileURLToPath(new URL('../lib/plan', import.meta.url))
  const { outputFiles } = await build({
    stdin: { contents, resolveDir, loader: 'ts' },
    bundle: true,
    write: false,
    format: 'esm',
  })
  return import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`)
}

function rule({ name, code }) {
  const { phases, args } = OPS[name]
  const mask = phases.map(phase => `1u << PHASE_${phase}`).join(' | ')
  const kinds = Object.values(args).map(kind => `ARG_${kind.toUpperCase()}`)
  return `    [${code}] = {"${name}", ${mask}, ${kinds.length}, {${kinds.join(', ') || '0'}}},`
}

function snakeCase(name) {
  return name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)
}

function argumentStruct({ name }) {
  const fields = Object.keys(OPS[name].args)
  return fields.length === 0
    ? `struct ${name}_op {};`
    : `struct ${name}_op {\n  struct value ${fields.map(snakeCase).join(', ')};\n};`
}

const opsHeader = `/* Generated from lib/plan/ops.ts by scripts/ops-header.mjs: change that and run \`npm run generate\`. */
/* clang-format off */
#ifndef TSRUN_OPS_H
#define TSRUN_OPS_H

#include "value.h"

enum phase { ${PHASES.map(phase => `PHASE_${phase}`).join(', ')} };

enum op_code {
${names.map(({ code }, index) => `  ${code} = ${index},`).join('\n')}
};

#define OP_COUNT ${names.length}
#define OP_MAX_ARGS ${widest}
#define OP_RESOLVE_IN_ROOT ${RESOLVE_IN_ROOT}u
${Object.entries(RESOLVE)
  .map(([name, bit]) => `#define OP_RESOLVE_${name} ${bit}u`)
  .join('\n')}

/* For each op: X(its code, its name). */
#define EACH_OP(X) \\
${names.map(({ name, code }) => `  X(${code}, ${name})`).join(' \\\n')}

struct op_rule {
  const char *name;
  unsigned char phases, count, kinds[OP_MAX_ARGS];
};

static const struct op_rule OP_RULES[OP_COUNT] = {
${names.map(rule).join('\n')}
};

/* The arguments of an op by name; a view of the same values that \`all\` has in the order of the wire. */
${names.map(argumentStruct).join('\n')}

union args {
  struct value all[OP_MAX_ARGS];
${names.map(({ name }) => `  struct ${name}_op ${name};`).join('\n')}
};

#endif
`

const headers = { ops: opsHeader, rules: rulesHeader(tables) }

switch (process.argv[2]) {
  case undefined:
    for (const [name, url] of Object.entries(HEADERS)) await writeFile(url, headers[name])
    break
  case '--print':
    process.stdout.write(headers[process.argv[3]] ?? '')
    break
  case '--check':
    for (const [name, url] of Object.entries(HEADERS)) {
      if ((await readFile(url, 'utf8').catch(() => '')) === headers[name]) continue
      console.error(`native/init/${name}.h is out of step with lib/plan: run \`npm run generate\``)
      process.exitCode = 1
    }
    break
  default:
    console.error('usage: ops-header.mjs [--check | --print ops | --print rules]')
    process.exitCode = 2
}
