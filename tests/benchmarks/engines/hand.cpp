// The workloads by hand: derivatives worked out on paper, eight samples at a time where there are samples.
// Build with: g++ -O3 -march=native -ffast-math -shared -fPIC

#include <math.h>
#include <string.h>

typedef double Lanes __attribute__((vector_size(64)));
enum { LANES = 8 };

// -- W1: the expression of micrograd's README ------------------------------------------------------------------------

// Writes the value and the derivatives by a and b.
extern "C" void expression(double a, double b, double *out) {
    double sum = b + a > 0 ? b + a : 0, difference = b - a > 0 ? b - a : 0;
    double up = b + a > 0, apart = b - a > 0;
    double c = 2 * (2 * (a + b) + 1) + 1 - a;
    double d = 4 * (3 * (a * b + b * b * b) + sum) + difference;
    double e = c - d, f = e * e;
    double slope = (0.5 - 10 / (f * f)) * 2 * e;
    out[0] = f / 2 + 10 / f;
    out[1] = slope * (3 - 4 * (3 * b + up) + apart);
    out[2] = slope * (4 - 4 * (3 * (a + 3 * b * b) + up) - apart);
}

// -- W3: a network on two moons --------------------------------------------------------------------------------------

template <class T> struct Network { // weights and then the bias of each neuron
    T first[16][3], second[16][17], last[17];
};

// One step of gradient descent on n samples, a multiple of 8; returns the loss before it.
extern "C" double moons(long n, const double *x, double *numbers, double rate, double penalty) {
    const Network<double> &p = *(Network<double> *)numbers;
    Network<Lanes> g;
    memset(&g, 0, sizeof g);
    Lanes zero = {0}, loss = zero;
    for (long s = 0; s < n; s += LANES) {
        Lanes in[4]; // both coordinates, the side, the weight
        for (int k = 0; k < 4; k++) memcpy(&in[k], x + k * n + s, sizeof(Lanes));
        Lanes h1[16], h2[16], d1[16] = {};
        for (int i = 0; i < 16; i++) {
            Lanes a = in[0] * p.first[i][0] + in[1] * p.first[i][1] + p.first[i][2];
            h1[i] = a > 0 ? a : zero;
        }
        Lanes score = zero + p.last[16];
        for (int i = 0; i < 16; i++) {
            Lanes a = zero + p.second[i][16];
            for (int j = 0; j < 16; j++) a += h1[j] * p.second[i][j];
            h2[i] = a > 0 ? a : zero;
            score += h2[i] * p.last[i];
        }
        Lanes lack = 1 - in[2] * score;
        loss += (lack > 0 ? lack : zero) * in[3];
        Lanes d = lack > 0 ? -in[2] * in[3] : zero;
        g.last[16] += d;
        for (int i = 0; i < 16; i++) {
            g.last[i] += d * h2[i];
            Lanes d2 = h2[i] > 0 ? d * p.last[i] : zero;
            g.second[i][16] += d2;
            for (int j = 0; j < 16; j++) {
                g.second[i][j] += d2 * h1[j];
                d1[j] += d2 * p.second[i][j];
            }
        }
        for (int i = 0; i < 16; i++) {
            Lanes e = h1[i] > 0 ? d1[i] : zero;
            g.first[i][0] += e * in[0];
            g.first[i][1] += e * in[1];
            g.first[i][2] += e;
        }
    }
    double total = 0;
    const Lanes *sums = (Lanes *)&g;
    for (int l = 0; l < LANES; l++) total += loss[l];
    for (unsigned k = 0; k < sizeof p / sizeof(double); k++) {
        double slope = 0;
        for (int l = 0; l < LANES; l++) slope += sums[k][l];
        total += penalty * numbers[k] * numbers[k];
        numbers[k] -= rate * (slope + 2 * penalty * numbers[k]);
    }
    return total;
}

// -- W4: a character transformer -------------------------------------------------------------------------------------

enum { LETTERS = 27, POSITIONS = 16, WIDTH = 16, HEADS = 4, SIZE = WIDTH / HEADS, HIDDEN = 64 };

struct Transformer {
    double letters[LETTERS][WIDTH], positions[POSITIONS][WIDTH];
    double query[WIDTH][WIDTH], key[WIDTH][WIDTH], value[WIDTH][WIDTH], output[WIDTH][WIDTH];
    double up[HIDDEN][WIDTH], down[WIDTH][HIDDEN], head[LETTERS][WIDTH];
};
enum { PARAMETERS = sizeof(Transformer) / sizeof(double) };

template <int M, int N> static void times(const double (&a)[M][N], const double *x, double *y) {
    for (int i = 0; i < M; i++) {
        double sum = 0;
        for (int j = 0; j < N; j++) sum += a[i][j] * x[j];
        y[i] = sum;
    }
}

// From the derivatives dy by y = a x: adds to those by a and by x.
template <int M, int N>
static void back(const double (&a)[M][N], const double *x, const double *dy, double (&da)[M][N], double *dx) {
    for (int i = 0; i < M; i++)
        for (int j = 0; j < N; j++) {
            da[i][j] += dy[i] * x[j];
            dx[j] += dy[i] * a[i][j];
        }
}

static double norm(const double *x, double *y) {
    double square = 0;
    for (int j = 0; j < WIDTH; j++) square += x[j] * x[j];
    double scale = 1 / sqrt(square / WIDTH + 1e-5);
    for (int j = 0; j < WIDTH; j++) y[j] = x[j] * scale;
    return scale;
}

static void norm_back(const double *x, double scale, const double *dy, double *dx) {
    double along = 0;
    for (int j = 0; j < WIDTH; j++) along += dy[j] * x[j];
    along *= scale * scale * scale / WIDTH;
    for (int j = 0; j < WIDTH; j++) dx[j] += scale * dy[j] - along * x[j];
}

struct Place { // what the sweep back needs of a position
    double sum[WIDTH], x[WIDTH], y[WIDTH], query[WIDTH], key[WIDTH], value[WIDTH], shares[HEADS][POSITIONS];
    double mixed[WIDTH], middle[WIDTH], z[WIDTH], hidden[HIDDEN], last[WIDTH], odds[LETTERS], scales[3];
};

static double forward(const Transformer &p, Place *places, int t, int letter, int next) {
    Place &a = places[t];
    for (int j = 0; j < WIDTH; j++) a.sum[j] = p.letters[letter][j] + p.positions[t][j];
    a.scales[0] = norm(a.sum, a.x);
    a.scales[1] = norm(a.x, a.y);
    times(p.query, a.y, a.query);
    times(p.key, a.y, a.key);
    times(p.value, a.y, a.value);
    memset(a.mixed, 0, sizeof a.mixed);
    for (int h = 0; h < HEADS; h++) {
        double *shares = a.shares[h], most = -1e300, sum = 0;
        for (int u = 0; u <= t; u++) {
            double match = 0;
            for (int j = h * SIZE; j < (h + 1) * SIZE; j++) match += a.query[j] * places[u].key[j];
            shares[u] = match / sqrt((double)SIZE);
            most = fmax(most, shares[u]);
        }
        for (int u = 0; u <= t; u++) sum += shares[u] = exp(shares[u] - most);
        for (int u = 0; u <= t; u++) {
            shares[u] /= sum;
            for (int j = h * SIZE; j < (h + 1) * SIZE; j++) a.mixed[j] += shares[u] * places[u].value[j];
        }
    }
    times(p.output, a.mixed, a.middle);
    for (int j = 0; j < WIDTH; j++) a.middle[j] += a.x[j];
    a.scales[2] = norm(a.middle, a.z);
    times(p.up, a.z, a.hidden);
    for (int j = 0; j < HIDDEN; j++) a.hidden[j] = fmax(a.hidden[j], 0);
    times(p.down, a.hidden, a.last);
    for (int j = 0; j < WIDTH; j++) a.last[j] += a.middle[j];
    times(p.head, a.last, a.odds);
    double chosen = a.odds[next], most = -1e300, sum = 0;
    for (int j = 0; j < LETTERS; j++) most = fmax(most, a.odds[j]);
    for (int j = 0; j < LETTERS; j++) sum += a.odds[j] = exp(a.odds[j] - most);
    for (int j = 0; j < LETTERS; j++) a.odds[j] /= sum;
    return log(sum) + most - chosen;
}

static void backward(const Transformer &p, Transformer &g, const Place *places, int t, int letter, int next,
                     double share, double (*dkey)[WIDTH], double (*dvalue)[WIDTH]) {
    const Place &a = places[t];
    double dodds[LETTERS], dmiddle[WIDTH] = {}, dhidden[HIDDEN] = {}, dz[WIDTH] = {}, dmixed[WIDTH] = {};
    for (int j = 0; j < LETTERS; j++) dodds[j] = share * (a.odds[j] - (j == next));
    back(p.head, a.last, dodds, g.head, dmiddle);
    back(p.down, a.hidden, dmiddle, g.down, dhidden);
    for (int j = 0; j < HIDDEN; j++) dhidden[j] = a.hidden[j] > 0 ? dhidden[j] : 0;
    back(p.up, a.z, dhidden, g.up, dz);
    norm_back(a.middle, a.scales[2], dz, dmiddle);
    back(p.output, a.mixed, dmiddle, g.output, dmixed);
    double dquery[WIDTH] = {}, dy[WIDTH] = {}, dsum[WIDTH] = {};
    for (int h = 0; h < HEADS; h++) {
        double dshares[POSITIONS], mean = 0;
        for (int u = 0; u <= t; u++) {
            dshares[u] = 0;
            for (int j = h * SIZE; j < (h + 1) * SIZE; j++) {
                dshares[u] += dmixed[j] * places[u].value[j];
                dvalue[u][j] += a.shares[h][u] * dmixed[j];
            }
            mean += a.shares[h][u] * dshares[u];
        }
        for (int u = 0; u <= t; u++) {
            double d = a.shares[h][u] * (dshares[u] - mean) / sqrt((double)SIZE);
            for (int j = h * SIZE; j < (h + 1) * SIZE; j++) {
                dquery[j] += d * places[u].key[j];
                dkey[u][j] += d * a.query[j];
            }
        }
    }
    back(p.query, a.y, dquery, g.query, dy);
    back(p.key, a.y, dkey[t], g.key, dy);
    back(p.value, a.y, dvalue[t], g.value, dy);
    norm_back(a.x, a.scales[1], dy, dmiddle);
    norm_back(a.sum, a.scales[0], dmiddle, dsum);
    for (int j = 0; j < WIDTH; j++) {
        g.letters[letter][j] += dsum[j];
        g.positions[t][j] += dsum[j];
    }
}

// One step of Adam on one document of n + 1 letters; `state` holds both means. Returns the loss before it.
extern "C" double letters(int n, const int *document, double *numbers, double *state, int step, double rate,
                          double beta1, double beta2, double eps) {
    const Transformer &p = *(Transformer *)numbers;
    static Transformer g;
    static Place places[POSITIONS];
    double dkey[POSITIONS][WIDTH] = {}, dvalue[POSITIONS][WIDTH] = {}, loss = 0;
    memset(&g, 0, sizeof g);
    for (int t = 0; t < n; t++) loss += forward(p, places, t, document[t], document[t + 1]);
    for (int t = n - 1; t >= 0; t--)
        backward(p, g, places, t, document[t], document[t + 1], 1.0 / n, dkey, dvalue);
    const double *slopes = (double *)&g;
    double *mean = state, *square = state + PARAMETERS, c1 = 1 - pow(beta1, step), c2 = 1 - pow(beta2, step);
    for (int k = 0; k < PARAMETERS; k++) {
        mean[k] = beta1 * mean[k] + (1 - beta1) * slopes[k];
        square[k] = beta2 * square[k] + (1 - beta2) * slopes[k] * slopes[k];
        numbers[k] -= rate * (mean[k] / c1) / (sqrt(square[k] / c2) + eps);
    }
    return loss / n;
}
