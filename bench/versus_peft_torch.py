"""One job of versus-peft.ts on PyTorch + transformers + PEFT, in a process of its own. Prints one line of JSON.

usage: versus_peft_torch.py JOB PRECISION[:checkpointed] THREADS DEVICE        (JOB as versus-peft/job.ts describes it; fp32 or bf16; cpu or cuda)
Training: LoRA on every linear layer through `get_peft_model`, a base in bf16 with adapters in fp32 as PEFT makes them by default;
batches as given, padded on the right to their longest row, as the Trainer does; checkpointed, with transformers' gradient checkpointing. Inference: `PeftModel.from_pretrained`, merged into
the base, batches of 32 padded to their longest text. Attention is transformers' default, SDPA.
"""
import json, re, sys, time
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForSequenceClassification, PreTrainedTokenizerFast

job, threads, device = json.load(open(sys.argv[1], encoding='utf-8')), int(sys.argv[3]), sys.argv[4]
precision, _, checkpointed = sys.argv[2].partition(':')
torch.set_num_threads(threads)


def base_model(**more):
    model = AutoModelForSequenceClassification.from_pretrained(
        job['base'], num_labels=job['labels'], dtype={'fp32': torch.float32, 'bf16': torch.bfloat16}[precision], **more)
    model.config.pad_token_id = model.config.eos_token_id
    return model.to(device)


def padded(texts, pad):
    longest = max(map(len, texts))
    ids, mask = torch.full((len(texts), longest), pad), torch.zeros(len(texts), longest, dtype=torch.long)
    for i, text in enumerate(texts):
        ids[i, : len(text)], mask[i, : len(text)] = torch.tensor(text), 1
    return dict(input_ids=ids.to(device), attention_mask=mask.to(device))


def logits_of(model, texts, batch=32):
    """Batches in the order of the texts."""
    model.eval()
    with torch.inference_mode():
        parts = [model(**padded(texts[k : k + batch], model.config.pad_token_id)).logits.float() for k in range(0, len(texts), batch)]
    return torch.cat(parts).tolist()


def peak_memory_bytes():
    return int(re.search(r'VmHWM:\s+(\d+)', open('/proc/self/status').read()).group(1)) * 1024


def seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def train():
    torch.manual_seed(job['seed'])
    model = base_model(problem_type=job['task'])
    # With layers, PEFT takes names only.
    names = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj']
    targets = names if 'layers' in job else 'all-linear'
    model = get_peft_model(model, LoraConfig(
        task_type='SEQ_CLS', r=job['rank'], lora_alpha=job['alpha'], lora_dropout=0.0, target_modules=targets,
        layers_to_transform=job.get('layers')))
    if checkpointed:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs=dict(use_reentrant=False))
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=0.0, weight_decay=0.0)
    classes = job['task'] == 'single_label_classification'
    rows, watch = job['rows'], job.get('watch')
    losses, step_seconds, evaluations = [], [], []

    def step(numbers, rate):
        batch = padded([rows[i]['ids'] for i in numbers], model.config.pad_token_id)
        targets = torch.tensor([rows[i]['target'] for i in numbers], dtype=torch.float32, device=device)
        for group in optimizer.param_groups:
            group['lr'] = rate
        loss = model(**batch, labels=targets.argmax(1) if classes else targets).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, job['maxGradNorm'])
        optimizer.step(), optimizer.zero_grad()
        losses.append(loss.item())

    for done, each in enumerate(job['steps'], 1):
        model.train()
        step_seconds.append(seconds(lambda: step(each['rows'], each['learningRate'])))
        if watch and (done % watch['every'] == 0 or done == len(job['steps'])):
            evaluations.append(dict(step=done, logits=logits_of(model, watch['validation'])))
    return dict(trained=sum(p.numel() for p in trained), losses=losses, stepSeconds=step_seconds, cachingSeconds=0, evaluations=evaluations,
                test=logits_of(model, watch['test']) if watch else [], peakMemoryBytes=peak_memory_bytes())


def classify():
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=f"{job['base']}/tokenizer.json")
    model = PeftModel.from_pretrained(base_model(), job['adapter']).merge_and_unload()

    def run(texts):
        encoded = tokenizer(texts, truncation=True, max_length=job['maxLength'])
        return logits_of(model, encoded.input_ids)

    run([job['single']])
    first = time.time() * 1000
    single = [seconds(lambda: run([job['single']])) for _ in range(job['repeats'])]
    passes = [seconds(lambda: run(job['texts'])) for _ in range(job['passes'])]
    return dict(firstAtMs=first, singleSeconds=single, passSeconds=passes, peakMemoryBytes=peak_memory_bytes())


outcome = dict(train=train, classify=classify)[job['kind']]()
print(json.dumps(dict(outcome, cpuSeconds=time.process_time())))
