// Writes docs/conformance.md, from the table in test/conformance/requirements.ts.
// `--check` writes nothing and fails if the page is out of step; `--print` shows what it should be.
import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const TABLE = fileURLToPath(new URL('../test/conformance/requirements.ts', import.meta.url))
const PAGE = new URL('../docs/conformance.md', import.meta.url)
const SPECIFICATION = 'https://github.com/opencontainers/runtime-spec/blob/v1.3.0'

const { REQUIREMENTS, CHOICES } = await loadTable()

async function loadTable() {
  const { outputFiles } = await build({ entryPoints: [TABLE], bundle: true, format: 'esm', write: false })
  return import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`)
}

const groupBy = (list, keyOf) => [...new Set(list.map(keyOf))].map(key => [key, list.filter(it => keyOf(it) === key)])
const pageOf = ({ anchor }) => anchor.split('#')[0]
const cell = text => text.replaceAll('|', '\\|')

const STATUSES = ['yes', 'simulated', 'partial', 'no']

function summaryOf([page, rows]) {
  const count = status => rows.filter(row => row.status === status).length
  return `| [${page}](#${page.replaceAll('.', '')}) | ${rows.length} | ${STATUSES.map(count).join(' | ')} |`
}

function rowOf({ word, says, status, reason, tests }) {
  const answer = reason === '' ? status : `**${status}**: ${reason}`
  return `| ${word} | ${cell(says)} | ${cell(answer)} | ${linksOf(tests)} |`
}

function choiceOf({ anchor, says, why, tests }) {
  return `| [${anchor}](${SPECIFICATION}/${anchor}) | ${cell(says)} | ${cell(why)} | ${linksOf(tests)} |`
}

const linksOf = tests => tests.map(({ file, title }) => `[${cell(title)}](../${file})`).join('<br>')

const sectionOf = ([anchor, rows]) => `### [${anchor}](${SPECIFICATION}/${anchor})

| | what is asked for | | shown by |
|---|---|---|---|
${rows.map(rowOf).join('\n')}
`

const pages = groupBy(REQUIREMENTS, pageOf)

const text = `# Conformance

<!-- Made from test/conformance/requirements.ts by scripts/conformance.mjs: change that and run \`npm run generate\`. -->

What version 1.3 of the OCI runtime specification asks of a runtime on Linux, sentence by sentence in our words, and the tests that
show that tsrun does it. \`yes\`: done and shown. \`simulated\`: done, but no machine of the tests has the hardware or the kernel module
that it is about, with what is shown in its place. \`partial\`: as far as the kernel goes, with the reason. \`no\`: not done, with the reason.
A test fails if a test that is named here is gone. In the titles of tests, \`…\` stands for each value of a list. What the
specification leaves to the runtime, and somebody may not expect, is [at the end](#choices).

Most of these tests call the library. Those that go through the command are run with it on Node, and a second time with
[the executable without Node](engines.md#without-node): a part with each change, the others each night
([which](../test/standalone-tests.mjs)).

| page | sentences | ${STATUSES.join(' | ')} |
|---|---|${'---|'.repeat(STATUSES.length)}
${pages.map(summaryOf).join('\n')}

${pages
  .map(
    ([page, rows]) =>
      `## ${page}\n\n${groupBy(rows, row => row.anchor)
        .map(sectionOf)
        .join('\n')}`,
  )
  .join('\n')}
## Choices

A runtime may choose which values it supports if none is asked for ([config.md#valid-values](${SPECIFICATION}/config.md#valid-values)).

| about | what tsrun does | why | shown by |
|---|---|---|---|
${CHOICES.map(choiceOf).join('\n')}
`

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
