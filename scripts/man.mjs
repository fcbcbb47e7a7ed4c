// Writes man/tsrun.8, from the table of commands in lib/cli (run by tsx).
// `--check` writes nothing and fails if the page is out of step; `--print` shows what it should be.
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { COMMANDS } from '../lib/cli/commands/index.ts'
import { LESSONS } from '../lib/cli/shell/help-texts.ts'
import { manPage } from '../lib/cli/shell/man.ts'

const PAGE = new URL('../man/tsrun.8', import.meta.url)
const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'))
const text = await manPage({ version, commands: COMMANDS, lessons: LESSONS })

switch (process.argv[2]) {
  case undefined:
    await mkdir(new URL('.', PAGE), { recursive: true })
    await writeFile(PAGE, text)
    break
  case '--print':
    process.stdout.write(text)
    break
  case '--check':
    if ((await readFile(PAGE, 'utf8').catch(() => '')) !== text) {
      console.error('man/tsrun.8 is out of step with the commands in lib/cli: run `npm run generate`')
      process.exitCode = 1
    }
    break
  default:
    console.error('usage: man.mjs [--check | --print]')
    process.exitCode = 2
}
