import t from 'tap'
import { checkCount, parseArguments } from '../../lib/cli/command-line.js'
import { COMMANDS } from '../../lib/cli/commands/index.js'
import { commandHelp, mainHelp } from '../../lib/cli/shell/help.js'
import { LESSONS } from '../../lib/cli/shell/help-texts.js'
import { SPEC_VERSION } from '../../lib/cli/version.js'
import { OCI_VERSION_MAX } from '../../lib/config/oci-version.js'

t.test('the main help lists every command and every flag in front of it', async t => {
  const commands = await Promise.all(
    Object.entries(COMMANDS).map(async ([name, load]) => [name, (await load()).summary] as const),
  )
  const text = mainHelp(commands)
  for (const [name, summary] of commands) t.match(text, new RegExp(`^   ${name} +`, 'm'), summary)
  for (const flag of ['root', 'log', 'log-format', 'debug', 'systemd-cgroup', 'rootless', 'help', 'version']) {
    t.match(text, new RegExp(`^   --${flag}\\b`, 'm'), flag)
  }
  t.notMatch(text, /[ \t]\n/)
})

for (const [name, load] of Object.entries(COMMANDS)) {
  t.test(`the help of ${name} shows its flags, but for the hidden ones`, async t => {
    const command = await load()
    const text = commandHelp(name, command, LESSONS[name as keyof typeof LESSONS])
    t.ok(text.startsWith(`NAME:\n   tsrun ${name} - ${command.summary}\n`))
    for (const flag of command.flags) t.equal(text.includes(`--${flag.name}`), flag.isHidden !== true, flag.name)
    t.notMatch(text, /[ \t]\n/)
  })

  t.test(`the examples of ${name} are command lines that it takes`, async t => {
    const command = await load()
    const { examples, next } = LESSONS[name as keyof typeof LESSONS]
    t.ok(examples.length > 0)
    t.match(next, /[.]$/)
    for (const [line] of examples) {
      const [first, ...words] = (/^[^<>]*[^<> ]/.exec(line)?.[0] ?? '').split(' ')
      t.equal(first, name)
      const { args } = parseArguments(words, command)
      checkCount(name, args.length, command.arguments)
    }
  })

  t.test(`the flags of ${name} are told apart by their names`, async t => {
    const { flags } = await load()
    const names = flags.flatMap(({ name, short }) => (short === undefined ? [name] : [name, short]))
    t.equal(new Set([...names, 'help', 'h']).size, names.length + 2)
  })
}

t.test('the version of the specification is the newest that configurations may have', async t => {
  t.equal(SPEC_VERSION, OCI_VERSION_MAX)
})
