import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { OP_CODES, OPS, type OpName, PHASES } from '../../lib/plan/ops.js'

const header = readFileSync('native/init/ops.h', 'utf8')

for (const name of ['ops', 'rules']) {
  t.test(`native/init/${name}.h is what the generator makes of lib/plan`, async t => {
    const args = ['scripts/ops-header.mjs', '--print', name]
    const generated = execFileSync(process.execPath, args, { encoding: 'utf8' })
    t.equal(readFileSync(`native/init/${name}.h`, 'utf8'), generated, 'run `npm run generate`')
  })
}

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
