"""Logits of texts under transformers + PEFT: what check-peft.ts compares ours with.

usage: peft_logits.py MODEL [--base BASE] < texts.json      a run's or PEFT folder with its base, or a merged checkpoint
"""
import argparse, json, sys
import torch
from peft import PeftModel
from transformers import AutoModelForSequenceClassification, PreTrainedTokenizerFast

parser = argparse.ArgumentParser()
parser.add_argument('model'), parser.add_argument('--base'), parser.add_argument('--labels', type=int)
args = parser.parse_args()
texts = json.load(sys.stdin)
folder = args.base or args.model
tokenizer = PreTrainedTokenizerFast(tokenizer_file=f'{folder}/tokenizer.json')
model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32, **({'num_labels': args.labels} if args.labels else {}))
if args.base:
    model = PeftModel.from_pretrained(model, args.model)
    model.config.pad_token_id = model.config.eos_token_id
ids = [tokenizer(t).input_ids for t in texts]
longest = max(map(len, ids))
batch = torch.tensor([row + [model.config.pad_token_id] * (longest - len(row)) for row in ids])
mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in ids])
with torch.no_grad():
    logits = model.eval()(input_ids=batch, attention_mask=mask).logits
print(json.dumps(dict(logits=logits.tolist(), labels=[model.config.id2label[k] for k in sorted(model.config.id2label)], problem_type=model.config.problem_type)))
