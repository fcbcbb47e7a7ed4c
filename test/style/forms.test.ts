/** Which tests are run with both forms of the command. test/standalone-tests.mjs has the lists. */
import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'
import { sources } from './sources.js'

const { href } = new URL('../standalone-tests.mjs', import.meta.url)
const lists: {
  readonly EACH_CHANGE: readonly string[]
  readonly EACH_NIGHT: readonly string[]
  readonly OTHERWISE: Readonly<Record<string, string>>
} = await import(href)

const tests = sources('test', '.ts', '.mjs')

/** What calls the command: by test/command.ts, or by what is made of it. Not `execute` alone, which runs any program. */
const CALLS = [
  /import \{[^}]*\b(?:TSRUN|RUNNER|tsrun|commandOn|FORMS)\b[^}]*\} from '[./]+\/command\.js'/,
  /import \{[^}]*\bmakeRootlessBundle\b[^}]*\} from '[./]+\/rootless\.js'/,
  /from '[./]+\/forms\.js'/,
]
const callers = tests.filter(({ path, text }) => path.endsWith('.test.ts') && CALLS.some(call => call.test(text)))

/** Files that name Node's form: all others take what test/command.ts says, which may be the executable. */
const MAY_NAME: Readonly<Record<string, string>> = {
  'test/cli/code-cache.test.ts': "copies of Node's form in folders of its own",
  'test/command.ts': 'here it is chosen',
  'test/engines/sandbox.mjs': 'here it is chosen for the tests with engines',
  'test/engines/scenarios/docker/sandboxes.mjs': 'tsrun sandbox and doctor in containers',
  'test/integration/package.test.ts': 'the package, emulated',
  'test/integration/scripts.test.ts': 'what the build leaves in dist',
  'test/style/forms.test.ts': 'this one looks for it',
  'test/vm/systemd.test.mjs': 'here both forms are called',
}

t.test('a test takes the form of the command that it is told', async t => {
  const naming = tests.filter(({ text }) => text.includes('tsrun.cjs')).map(({ path }) => path)
  t.same(naming, Object.keys(MAY_NAME))
})

t.test('whatever calls the command is tried with both forms, or it is said why not', async t => {
  const isOtherwise = (path: string) =>
    Object.keys(lists.OTHERWISE).some(name => (name.endsWith('/') ? path.startsWith(name) : path === name))
  const { EACH_CHANGE, EACH_NIGHT } = lists
  for (const { path } of callers) {
    const found = [EACH_CHANGE.includes(path), EACH_NIGHT.includes(path), isOtherwise(path)]
    t.equal(found.filter(Boolean).length, 1, `${path} is in one list`)
  }
  const listed = [...EACH_CHANGE, ...EACH_NIGHT]
  t.same(
    listed.filter(path => !callers.some(caller => caller.path === path)),
    [],
    'and nothing else is',
  )
  t.same(
    Object.keys(lists.OTHERWISE).filter(name => !existsSync(name)),
    [],
  )
})

t.test('the lists are those that are run', async t => {
  t.match(readFileSync('.ci/run', 'utf8'), 'node test/standalone-tests.mjs change')
  t.match(readFileSync('.ci/nightly', 'utf8'), 'node test/standalone-tests.mjs night')
})
