"""PyTorch + PEFT on a dataset folder that `emotune data split` wrote, with emotune's settings: what compare-peft.ts measures against.

usage: peft_reference.py BASE DATA [--epochs N] [--lr X] [--rank R] [--batch B] [--seed S] [--max-length N]
LoRA on every linear layer, alpha = 2 · rank, no dropout; AdamW without weight decay, linear schedule with 6 % warm-up
(transformers'), clipping to 1.0; batches in random order, padded to their longest row as the Trainer does; best epoch by
validation macro-F1. Prints one line of JSON.
"""
import argparse, json, math, random, re, time
import numpy as np, torch
from peft import LoraConfig, get_peft_model
from sklearn.metrics import accuracy_score, f1_score, jaccard_score
from transformers import AutoModelForSequenceClassification, PreTrainedTokenizerFast, get_linear_schedule_with_warmup

parser = argparse.ArgumentParser()
parser.add_argument('base'), parser.add_argument('data')
for flag, kind, default in (('epochs', int, 1), ('lr', float, 1e-3), ('rank', int, 16), ('batch', int, 16), ('seed', int, 0), ('max-length', int, 256)):
    parser.add_argument(f'--{flag}', type=kind, default=default)
args = parser.parse_args()
random.seed(args.seed), np.random.seed(args.seed), torch.manual_seed(args.seed)

about = json.load(open(f'{args.data}/dataset.json', encoding='utf-8'))
labels, task = about['labels'], about['task']
multi = task == 'multi_label_classification'
rows = {s: [json.loads(line) for line in open(f'{args.data}/{s}.jsonl', encoding='utf-8')] for s in ('train', 'validation', 'test')}
tokenizer = PreTrainedTokenizerFast(tokenizer_file=f'{args.base}/tokenizer.json')


def target(row):
    held = row['labels'] if 'labels' in row else [row['label']]
    return np.array([float(l in held) for l in labels], dtype=np.float32) if multi else labels.index(held[0])


encoded = {s: [(tokenizer(r['text']).input_ids[: args.max_length], target(r)) for r in rs] for s, rs in rows.items()}
model = AutoModelForSequenceClassification.from_pretrained(args.base, num_labels=len(labels), problem_type=task, dtype=torch.float32)
pad = model.config.pad_token_id = model.config.eos_token_id
model = get_peft_model(model, LoraConfig(task_type='SEQ_CLS', r=args.rank, lora_alpha=2 * args.rank, lora_dropout=0.0, target_modules='all-linear'))
trained = [p for p in model.parameters() if p.requires_grad]


def collate(batch):
    longest = max(len(ids) for ids, _ in batch)
    ids, mask = torch.full((len(batch), longest), pad), torch.zeros(len(batch), longest, dtype=torch.long)
    for i, (row, _) in enumerate(batch):
        ids[i, : len(row)], mask[i, : len(row)] = torch.tensor(row), 1
    return ids, mask, torch.tensor(np.array([y for _, y in batch]))


def scores(split):
    model.eval()
    with torch.no_grad():
        parts = [model(input_ids=i, attention_mask=m).logits for i, m, _ in (collate(encoded[split][k : k + 64]) for k in range(0, len(encoded[split]), 64))]
    logits, y = torch.cat(parts).numpy(), np.array([t for _, t in encoded[split]])
    model.train()
    if multi:
        given = logits >= 0  # probability 0.5
        return dict(macroF1=f1_score(y, given, average='macro', zero_division=0), microF1=f1_score(y, given, average='micro', zero_division=0), jaccard=jaccard_score(y, given, average='samples', zero_division=1))
    return dict(accuracy=accuracy_score(y, logits.argmax(1)), macroF1=f1_score(y, logits.argmax(1), average='macro', zero_division=0))


optimizer = torch.optim.AdamW(trained, lr=args.lr, weight_decay=0.0)
count = len(encoded['train'])
steps = args.epochs * math.ceil(count / args.batch)
schedule = get_linear_schedule_with_warmup(optimizer, math.ceil(0.06 * steps), steps)
best, seconds, tokens = None, 0.0, 0
for epoch in range(args.epochs):
    order = np.random.permutation(count)
    start = time.time()
    for k in range(0, count, args.batch):
        ids, mask, y = collate([encoded['train'][i] for i in order[k : k + args.batch]])
        tokens += int(mask.sum())
        model(input_ids=ids, attention_mask=mask, labels=y).loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step(), schedule.step(), optimizer.zero_grad()
    seconds += time.time() - start
    validation = scores('validation')
    if best is None or validation['macroF1'] > best[0]:
        best = (validation['macroF1'], scores('test'))
peak = int(re.search(r'VmHWM:\s+(\d+)', open('/proc/self/status').read()).group(1)) * 1024
print(json.dumps(dict(scores=best[1], trainingSeconds=seconds, tokensPerSecond=tokens / seconds, peakMemoryBytes=peak, trained=sum(p.numel() for p in trained))))
