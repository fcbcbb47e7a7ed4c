// Writes native/init/ops.h, the C side of the op table, from lib/plan/ops.ts.
// `--check` writes nothing and fails where the file is out of step; `--print` shows what it should be.
import { readFile, writeFile } from 'node:fs/promises'
import { transform } from 'esbuild'

const TABLE = new URL('../lib/plan/ops.ts', import.meta.url)
const HEADER = new URL('../native/init/ops.h', import.meta.url)

const { OPS, OP_NAMES, PHASES, RESOLVE, RESOLVE_IN_ROOT } = await loadTable()
const names = OP_NAMES.map(name => ({ name, code: `OP_${name.toUpperCase()}` }))
const widest = Math.max(...OP_NAMES.map(name => Object.keys(OPS[name].args).length))

async function loadTable() {
  const { code } = await transform(await readFile(TABLE, 'utf8'), { loader: 'ts', format: 'esm' })
  return import(`data:text/javascript,${encodeURIComponent(code)}`)
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

const header = `/* Generated from lib/plan/ops.ts by scripts/ops-header.mjs: change that and run \`npm run generate\`. */
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

switch (process.argv[2]) {
  case undefined:
    await writeFile(HEADER, header)
    break
  case '--print':
    process.stdout.write(header)
    break
  case '--check':
    if ((await readFile(HEADER, 'utf8').catch(() => '')) !== header) {
      console.error('native/init/ops.h is out of step with lib/plan/ops.ts: run `npm run generate`')
      process.exitCode = 1
    }
    break
  default:
    console.error('usage: ops-header.mjs [--check | --print]')
    process.exitCode = 2
}
