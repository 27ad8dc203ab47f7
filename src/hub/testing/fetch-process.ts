/** A process of its own that fetches a model: `node --import tsx fetch-process.ts <endpoint> <cache> <name>`. */
import { parseRepositoryName } from '../repository-name.ts';
import { baseFiles } from '../selection.ts';
import { fetchSnapshot } from '../snapshot.ts';

const [endpoint, cacheDir, name] = process.argv.slice(2);
const onNotice = (line: string) => process.stderr.write(`${line}\n`);
const snapshot = await fetchSnapshot(parseRepositoryName(name!)!, [baseFiles], { endpoint, cacheDir, onNotice });
process.stdout.write(snapshot.dir);
