import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { OP_CODES, OPS, type OpName, PHASES } from '../../lib/plan/ops.js'

const header = readFileSync('native/init/ops.h', 'utf8')

t.test('native/init/ops.h is what the generator makes of lib/plan/ops.ts', async t => {
  const generated = execFileSync(process.execPath, ['scripts/ops-header.mjs', '--print'], { encoding: 'utf8' })
  t.equal(header, generated, 'run `npm run generate`')
})

t.test('the header has every op with its code, its phases and its arguments', async t => {
  const names = Object.keys(OPS) as OpName[]
  t.match(header, `#define OP_COUNT ${names.length}\n`)
  for (const name of names) {
    const { phases, args } = OPS[name]
    const code = `OP_${name.toUpperCase()}`
    const mask = phases.map(phase => `1u << PHASE_${phase}`).join(' | ')
    const kinds = Object.values(args).map(kind => `ARG_${kind.toUpperCase()}`)
    t.match(header, `  ${code} = ${OP_CODES[name]},\n`)
    t.match(header, `[${code}] = {"${name}", ${mask}, ${kinds.length}, {${kinds.join(', ') || '0'}}},\n`)
  }
  t.match(header, `enum phase { ${PHASES.map(phase => `PHASE_${phase}`).join(', ')} };`)
})
