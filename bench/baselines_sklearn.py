"""One of scikit-learn's baselines in a process of its own: the other side of baselines.ts.

usage: baselines_sklearn.py FOLDER count|tfidf|MODEL    reads FOLDER/data.json; prints what was measured
"""
import json, re, sys, time, warnings
import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import LinearSVC

warnings.filterwarnings('ignore')
folder, what = sys.argv[1:]
data = json.load(open(f'{folder}/data.json', encoding='utf8'))
y = np.array(data['targets'])


REPEATED_BELOW, REPEATS = 5, 5


def measured(work):
    """What work gives, what the first time took, and what it takes once caches are warm."""

    def timed():
        start = time.perf_counter()
        return work(), time.perf_counter() - start

    result, seconds = timed()
    peak = int(re.search(r'VmHWM:\s+(\d+) kB', open('/proc/self/status').read())[1]) * 1024
    again = [timed()[1] for _ in range(REPEATS)] if seconds < REPEATED_BELOW else []
    warm = float(np.median(again)) if again else seconds
    return result, dict(seconds=seconds, warmSeconds=warm, repeatedSeconds=sum(again), peakMemoryBytes=peak)


models = {
    'svm': lambda: OneVsRestClassifier(LinearSVC()),
    'lr': lambda: OneVsRestClassifier(LogisticRegression()),
    'rf': lambda: RandomForestClassifier(n_jobs=1, random_state=0),
}


def features():
    vectorizer = CountVectorizer() if what == 'count' or what.startswith('bow') else TfidfVectorizer()
    return vectorizer, vectorizer.fit_transform(data['texts'])


def fitted():
    vectorizer, X = features()
    return vectorizer, models[what.split('-')[1]]().fit(X, y)


if what in ('count', 'tfidf'):
    (vectorizer, X), result = measured(features)
    X = X.tocsr()
    X.sort_indices()
    json.dump(vectorizer.get_feature_names_out().tolist(), open(f'{folder}/theirs-terms.json', 'w'))
    X.indptr.astype(np.uint32).tofile(f'{folder}/theirs-starts')
    X.indices.astype(np.uint32).tofile(f'{folder}/theirs-indices')
    X.data.astype(np.float64).tofile(f'{folder}/theirs-values')
else:
    (vectorizer, model), result = measured(fitted)
    result['given'] = model.predict(vectorizer.transform(data['testTexts'])).astype(int).tolist()
print(json.dumps(result))
