/**
 * A first look: trains a small emotion classifier on this machine, offline, and tries it on a few sentences.
 *
 *     npm run demo
 */
import { spawnSync } from 'node:child_process';
import { root, setUp } from './setup.mjs';

const run = 'runs/demo';

/** What the model has not seen; the feeling is told by what happens, not by its name. */
const sentences = [
  'We got the flat! Keys on Friday, I keep reading the email to make sure it is real.',
  'Third time this month they cancelled on me an hour before. I am done being polite about it.',
  'The chair by the window is still where he left it. I have not moved his glasses.',
  'There is someone walking around downstairs and I live alone.',
  'Opened the lunch box I forgot in my bag over the summer. It was moving.',
  'I walked in and thirty people shouted my name. My birthday is in March!',
  'The library is open from nine to five on weekdays.',
];

const say = (text) => console.log(`\n${text.trim()}\n`);

function emotune(...args) {
  console.log(`$ npx emotune ${args.map((arg) => (/\s/.test(arg) ? `"${arg}"` : arg)).join(' ')}\n`);
  const { status, signal } = spawnSync(process.execPath, ['dist/cli/main.js', ...args], {
    cwd: root,
    stdio: 'inherit',
  });
  if (status !== 0) process.exit(status ?? (signal ? 130 : 1));
}

/** Ctrl-C belongs to the command that is running: it finishes its step and says what became of the run. */
process.on('SIGINT', () => {});

setUp();

say(`
This demo teaches a language model to recognise feelings, on this computer and without the internet.

1. Training. The model is "nano", a Llama of 6 million parameters that comes with emotune. The texts are the 1,320
   short posts of "social-posts", each labelled with one of seven feelings. Instead of changing the whole model,
   LoRA trains small matrices beside its layers. This takes a minute or two. The loss says how wrong the model is:
   it should fall. After each round through the texts (an epoch), the model is tested on posts it does not learn from.`);

const settings = '--base nano --rank 16 --epochs 4 --learning-rate 1e-3';
emotune('train', '--data', 'social-posts', ...settings.split(' '), '--out', run, '--overwrite');

say(`
The tables above tell how well it does on 133 posts that it has never seen: "accuracy" is the share it gets right
(guessing would give about 0.14), and the interval says how far chance may have moved that number.

2. Using it. Seven sentences that nobody labelled, one for each feeling; none of them names it. The number is how sure
   the model is. It is tiny and has read a thousand posts: expect it to be wrong about every second time. A larger base
   does better.`);

emotune('predict', '--model', run, ...sentences);

say(`
The trained model is in ${run}/: adapter_model.safetensors holds the weights, in the format of Hugging Face's PEFT.

How to go on:
  npx emotune predict --model ${run}                       type sentences, one a line
  npx emotune train --data your-posts.csv --out runs/mine      learn from your own texts
  npx emotune train --help                                     every setting
  npx emotune --help                                           every command`);
