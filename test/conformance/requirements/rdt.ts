/** config-linux.md: resctrl. */
import type { Section } from './row.js'

const MADE_UP = 'no machine of the tests has a resctrl file system: shown over a made-up tree of files'

export const rdt: readonly Section[] = [
  {
    anchor: 'config-linux.md#intelrdt',
    rows: [
      {
        word: 'MUST',
        says: 'The process is in the class of service that closID names, before the program runs',
        partly: MADE_UP,
        shown: [['lifecycle/rdt.test.ts', ': an existing class is joined, and neither written nor removed']],
      },
      {
        word: 'MUST',
        says: 'Without closID the class has the id of the container',
        partly: MADE_UP,
        shown: [
          ['lifecycle/rdt.test.ts', ': without closID the class is named after the container, and removed with it'],
        ],
      },
      {
        word: 'MUST',
        says: 'Without a mounted resctrl file system it is an error',
        shown: [
          ['conformance/config-linux-intel-rdt.test.ts', ': without a mounted resctrl file system it is an error'],
        ],
      },
      {
        word: 'MUST',
        says: 'Without intelRdt no such file system is touched',
        partly: MADE_UP,
        shown: [['lifecycle/rdt.test.ts', ': without any schemata none is written']],
      },
      {
        word: 'MUST',
        says: 'l3CacheSchema and memBwSchema are written together, schemata after them',
        partly: MADE_UP,
        shown: [['lifecycle/rdt.test.ts', ': cache and bandwidth are written together, schemata after them']],
      },
      {
        word: 'MUST',
        says: 'Of a cache schema with a line for the bandwidth only the other lines count beside memBwSchema',
        partly: MADE_UP,
        shown: [
          ['lifecycle/rdt.test.ts', ': a line for the bandwidth in the cache schema counts where there is no other'],
        ],
      },
      {
        word: 'MUST',
        says: 'Without any schema none is written',
        partly: MADE_UP,
        shown: [['lifecycle/rdt.test.ts', ': without any schemata none is written']],
      },
      {
        word: 'MUST',
        says: 'A class that is not there is made where there is a schema',
        partly: MADE_UP,
        shown: [['lifecycle/rdt.test.ts', ': cache and bandwidth are written together, schemata after them']],
      },
      {
        word: 'MUST',
        says: 'One that is there must have the same shares, else it is an error',
        partly: MADE_UP,
        shown: [['lifecycle/rdt.test.ts', ': an existing class with other shares is an error']],
      },
      {
        word: 'MUST',
        says: 'A class that is not there, without a schema, is an error',
        partly: MADE_UP,
        shown: [['lifecycle/rdt.test.ts', ': a class that is not there, without schemata, is an error']],
      },
      {
        word: 'MUST',
        says: 'enableMonitoring makes a monitored group for the container',
        partly: MADE_UP,
        shown: [
          ['lifecycle/rdt.test.ts', ': a monitored group is made in the class, also an existing one, and removed'],
        ],
      },
      {
        word: 'MUST',
        says: 'delete removes what create has made',
        partly: MADE_UP,
        shown: [
          ['lifecycle/rdt.test.ts', ': without closID the class is named after the container, and removed with it'],
          ['lifecycle/rdt.test.ts', ': an existing class is joined, and neither written nor removed'],
        ],
      },
    ],
  },
]
