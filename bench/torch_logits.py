"""Logits of token ids under transformers in float32: what large-model.ts compares ours with.

usage: torch_logits.py BASE HEAD.safetensors < ids.json
"""
import json, re, sys
import torch
from safetensors.torch import load_file
from transformers import AutoModel

torch.set_grad_enabled(False)
model = AutoModel.from_pretrained(sys.argv[1], dtype=torch.float32).eval()
head = load_file(sys.argv[2])['score.weight']
logits = [(model(input_ids=torch.tensor([ids])).last_hidden_state[0, -1] @ head.T).tolist() for ids in json.load(sys.stdin)]
peak = int(re.search(r'VmHWM:\s+(\d+)', open('/proc/self/status').read()).group(1)) * 1024
print(json.dumps(dict(logits=logits, peakMemoryBytes=peak)))
