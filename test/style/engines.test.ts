/** What docs/engines.md says of the tests with engines. They themselves are run by `npm run test:engines`. */
import t from 'tap'
import { sources } from './sources.js'

interface Difference {
  readonly engine: string
  readonly title: string
  readonly reason: string
}

const page = sources('docs').find(({ path }) => path === 'docs/engines.md')?.text ?? ''
const { href } = new URL('../engines/differences.mjs', import.meta.url)
const { differences }: { differences: readonly Difference[] } = await import(href)

t.test('every difference to runc that the scenarios allow is on the page, with its reason, and no other', async t => {
  const [, table = ''] = page.split('\n|---|---|---|\n')
  const [rows = ''] = table.split('\n\n')
  t.same(
    rows.split('\n'),
    differences.map(({ engine, title, reason }) => `| ${engine} | ${title} | ${reason} |`),
  )
})

t.test('every difference is a scenario', async t => {
  const scenarios = sources('test/engines/scenarios', '.mjs').map(({ text }) => text)
  for (const { title } of differences)
    t.ok(
      scenarios.some(text => text.includes(`title: '${title}'`)),
      title,
    )
})
