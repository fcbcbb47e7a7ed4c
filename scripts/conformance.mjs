// Writes docs/conformance.md, from the table in test/conformance/requirements.ts.
// `--check` writes nothing and fails where the page is out of step; `--print` shows what it should be.
import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const TABLE = fileURLToPath(new URL('../test/conformance/requirements.ts', import.meta.url))
const PAGE = new URL('../docs/conformance.md', import.meta.url)
const SPECIFICATION = 'https://github.com/opencontainers/runtime-spec/blob/v1.3.0'

const REQUIREMENTS = await loadTable()

async function loadTable() {
  const { outputFiles } = await build({ entryPoints: [TABLE], bundle: true, format: 'esm', write: false })
  const table = await import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`)
  return table.REQUIREMENTS
}

const groupBy = (list, keyOf) => [...new Set(list.map(keyOf))].map(key => [key, list.filter(it => keyOf(it) === key)])
const pageOf = ({ anchor }) => anchor.split('#')[0]
const cell = text => text.replaceAll('|', '\\|')

function summaryOf([page, rows]) {
  const count = status => rows.filter(row => row.status === status).length
  return `| [${page}](#${page.replaceAll('.', '')}) | ${rows.length} | ${['yes', 'partial', 'no'].map(count).join(' | ')} |`
}

function rowOf({ word, says, status, reason, tests }) {
  const links = tests.map(({ file, title }) => `[${cell(title)}](../${file})`)
  const answer = reason === '' ? status : `**${status}**: ${reason}`
  return `| ${word} | ${cell(says)} | ${cell(answer)} | ${links.join('<br>')} |`
}

const sectionOf = ([anchor, rows]) => `### [${anchor}](${SPECIFICATION}/${anchor})

| | what is asked for | | shown by |
|---|---|---|---|
${rows.map(rowOf).join('\n')}
`

const pages = groupBy(REQUIREMENTS, pageOf)

const text = `# Conformance

<!-- Made from test/conformance/requirements.ts by scripts/conformance.mjs: change that and run \`npm run generate\`. -->

What version 1.3 of the OCI runtime specification asks of a runtime on Linux, sentence by sentence in our words, and the tests that
show that tsrun does it. \`yes\`: done and shown. \`partial\`: done or shown in part, with the reason. \`no\`: not done, with the reason.
A test fails where a test that is named here is gone. In the titles of tests, \`…\` stands for each value of a list.

| page | sentences | yes | partial | no |
|---|---|---|---|---|
${pages.map(summaryOf).join('\n')}

${pages
  .map(
    ([page, rows]) =>
      `## ${page}\n\n${groupBy(rows, row => row.anchor)
        .map(sectionOf)
        .join('\n')}`,
  )
  .join('\n')}`

switch (process.argv[2]) {
  case undefined:
    await writeFile(PAGE, text)
    break
  case '--print':
    process.stdout.write(text)
    break
  case '--check':
    if ((await readFile(PAGE, 'utf8').catch(() => '')) !== text) {
      console.error('docs/conformance.md is out of step with test/conformance/requirements.ts: run `npm run generate`')
      process.exitCode = 1
    }
    break
  default:
    console.error('usage: conformance.mjs [--check | --print]')
    process.exitCode = 2
}
