import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { readConfig } from '../../lib/config/read.js'
import { readState } from '../../lib/config/state.js'
import { ConfigError } from '../../lib/errors.js'
import { readFeatures } from './features-document.js'

const fixtures = new URL('../../spec-fixtures/', import.meta.url)
const documents = (folder: string) => readdirSync(new URL(folder, fixtures)).filter(name => /^[^.]+\.json$/.test(name))
const read = (path: string) => readFileSync(new URL(path, fixtures), 'utf8')

function refusal(read: () => unknown): { code: string; issues: unknown } | null {
  try {
    read()
    return null
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return { code: error.code, issues: error.issues }
  }
}

const readers: Readonly<Record<string, (text: string) => { warnings?: readonly string[] }>> = {
  config: readConfig,
  state: text => readState(text) && {},
  features: text => readFeatures(text) && {},
}

for (const [kind, readDocument] of Object.entries(readers)) {
  t.test(`every good ${kind} is accepted, with just the warnings beside it`, async t => {
    const names = documents(`${kind}/good/`)
    t.ok(names.length > 1)
    const all = readdirSync(new URL(`${kind}/good/`, fixtures))
    for (const name of names) {
      const beside = name.replace('.json', '.warnings.json')
      const expected = all.includes(beside) ? JSON.parse(read(`${kind}/good/${beside}`)) : []
      t.same(readDocument(read(`${kind}/good/${name}`)).warnings ?? [], expected, name)
    }
  })

  t.test(`every bad ${kind} is refused, with just the issues beside it`, async t => {
    const names = documents(`${kind}/bad/`)
    t.ok(names.length > 1)
    for (const name of names) {
      const expected = JSON.parse(read(`${kind}/bad/${name.replace('.json', '.issues.json')}`))
      t.same(
        refusal(() => readDocument(read(`${kind}/bad/${name}`))),
        expected,
        name,
      )
    }
  })
}

t.test('every issue speaks the one grammar, and points into the specification or to a rule of ours', async t => {
  const files = Object.keys(readers).flatMap(kind => documents(`${kind}/bad/`).map(name => `${kind}/bad/${name}`))
  const issues = files.flatMap(path => JSON.parse(read(path.replace('.json', '.issues.json'))).issues)
  t.ok(issues.length > 200)
  for (const { rule, message } of issues) {
    t.match(
      message,
      /^(?:is not supported by this release: |invalid memory policy (?:mode|node|flag): )?(?:must be .+, but is .+|is missing: must be .+)$/s,
    )
    t.match(rule, /^(?:config(?:-linux|-vm)?\.md(?:#[a-z0-9-]+)?|tsrun#[a-z-]+)$/)
  }
})
