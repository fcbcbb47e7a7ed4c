import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { COMMANDS } from '../../lib/cli/commands/index.js'
import { GLOBAL_FLAGS } from '../../lib/cli/globals.js'
import { LESSONS } from '../../lib/cli/shell/help-texts.js'
import { manPage } from '../../lib/cli/shell/man.js'
import { missing } from '../needs.js'

const page = readFileSync('man/tsrun.8', 'utf8')
const { version, man, files } = JSON.parse(readFileSync('package.json', 'utf8'))

t.test('the manual page is in step with the commands', async t => {
  t.equal(page, await manPage({ version, commands: COMMANDS, lessons: LESSONS }), 'else: npm run generate')
})

t.test('it is part of the package', async t => {
  // A list: for a text alone npm makes no link.
  t.same(man, ['man/tsrun.8'])
  t.ok(files.includes('man'))
})

t.test(
  'troff shows every command and every flag of it, and finds nothing wrong',
  { skip: missing('groff') },
  async t => {
    const { stdout, stderr, status } = spawnSync('groff', ['-man', '-Tascii', '-ww', '-rLL=500n', '-P-cbou'], {
      input: page,
      encoding: 'utf8',
    })
    t.same({ status, stderr }, { status: 0, stderr: '' })
    for (const [name, load] of Object.entries(COMMANDS)) {
      const { flags, usage } = await load()
      const [, section = ''] = stdout.split(`\n   tsrun ${`${name} ${usage}`.trimEnd()}\n`)
      const own = section.split(/\n {3}tsrun /)[0] ?? ''
      for (const flag of flags)
        t.equal(own.includes(`--${flag.name}`), flag.isHidden !== true, `${name} --${flag.name}`)
      for (const [line] of LESSONS[name as keyof typeof LESSONS].examples) t.match(own, `tsrun ${line}`)
    }
    for (const { name } of GLOBAL_FLAGS) t.match(stdout, `--${name}`)
  },
)
