"""PyTorch with PEFT's LoRA+ optimiser over given batches: what check-lora-plus.ts compares ours with.

usage: lora_plus_reference.py BASE FOLDER < batches.json    starts from FOLDER/initial, writes FOLDER/theirs, prints the losses
"""
import json, sys
import torch
from peft import PeftModel
from peft.optimizers import create_loraplus_optimizer
from transformers import AutoModelForSequenceClassification

base, folder = sys.argv[1:]
given = json.load(sys.stdin)
model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=given['labels'], dtype=torch.float32)
pad = model.config.pad_token_id = model.config.eos_token_id
model = PeftModel.from_pretrained(model, f'{folder}/initial', is_trainable=True).train()
optimizer = create_loraplus_optimizer(model, torch.optim.AdamW, lr=1.0, loraplus_lr_ratio=given['ratio'], loraplus_weight_decay=given['weightDecay'], betas=tuple(given['betas']), eps=given['eps'])
schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: given['rates'][min(t, len(given['rates']) - 1)])
trained = [p for p in model.parameters() if p.requires_grad]
losses = []
for batch in given['batches']:
    longest = max(len(row['ids']) for row in batch)
    ids = torch.tensor([row['ids'] + [pad] * (longest - len(row['ids'])) for row in batch])
    mask = torch.tensor([[1] * len(row['ids']) + [0] * (longest - len(row['ids'])) for row in batch])
    loss = model(input_ids=ids, attention_mask=mask, labels=torch.tensor([row['label'] for row in batch])).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_(trained, 1.0)
    optimizer.step(), schedule.step(), optimizer.zero_grad()
    losses.append(loss.item())
model.save_pretrained(f'{folder}/theirs')
print(json.dumps(losses))
